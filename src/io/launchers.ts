/**
 * The processes between a person's command and this one: `npx … task cluster` is npm, a shell, node and `deno task`,
 * each of which waits for the next. None of them hands on a kill -9, so we watch them, and whoever of them is gone, the
 * command is.
 *
 * A command that was put in the background, or that a script has started, goes on when its shell ends: a shell that
 * does not wait for us is none of them. They share our process group, since only a shell with job control, `setsid`
 * and the like begin another; and their command lines name what they run.
 *
 * The runtime lets no process read /proc without every permission, so a shell does. Where there is no /proc, or no
 * permission to run `sh`, nobody is watched.
 */

/** A process above this one. */
export interface Ancestor {
  readonly pid: number;
  readonly groupId: number;
  /** Its command line, with blanks between the words. */
  readonly command: string;
}

/** Programs that start another one and wait for it. */
const LAUNCHERS = ["deno", "node", "npm", "npx", "sh", "dash", "bash"];
/** `a & b` and `a &`, but neither `a && b` nor `a 2>&1` nor `a &> b`. */
const BACKGROUND = /(^|[^&>])&($|[^&>])/;

/** From the parent upwards: those of `ancestors` that wait for us. `groupId` is our own. */
export function launchersAmong(ancestors: readonly Ancestor[], groupId: number): number[] {
  const end = ancestors.findIndex((ancestor) =>
    ancestor.groupId !== groupId || !isLauncher(ancestor.command)
  );
  return (end < 0 ? ancestors : ancestors.slice(0, end)).map(({ pid }) => pid);
}

function isLauncher(command: string): boolean {
  const program = command.split(" ", 1)[0]!.replace(/.*\//, "").replace(/^-/, "");
  if (!LAUNCHERS.includes(program) || BACKGROUND.test(command)) return false;
  return /\bdeno\b.*\btask\b/.test(command);
}

/** Prints a line for $1 and each process above it: `pid group command`. */
const LIST = `
p=$1
while [ "$p" -gt 1 ]; do
  read -r line < /proc/$p/stat || exit
  set -- \${line##*) }
  echo "$p $3 $(tr '\\0\\n' '  ' < /proc/$p/cmdline)"
  p=$2
done`;

/** Ends with {@linkcode GONE} when one of the processes $1, $2, … is gone, or a zombie. */
const WATCH = `
while :; do
  for p; do
    { read -r line < /proc/$p/stat; } 2>/dev/null || exit 7
    case "\${line##*) }" in Z*|X*) exit 7;; esac
  done
  sleep 0.5
done`;
const GONE = 7;

/** Watches those who wait for this process. */
export interface LauncherWatch {
  stop(): void;
}

/** Calls `gone` when one of those who wait for this process is gone. */
export function watchLaunchers(gone: () => void): LauncherWatch {
  let watcher: Deno.ChildProcess | null = null;
  let isStopped = false;
  const watch = async () => {
    const ancestors = await listAncestors();
    const launchers = launchersAmong(ancestors.slice(1), ancestors[0]?.groupId ?? 0);
    if (launchers.length === 0 || isStopped) return;
    // Our own end is one, too: the shell does not outlive us.
    watcher = shell(WATCH, [Deno.pid, ...launchers], "null").spawn();
    watcher.unref();
    if ((await watcher.status).code === GONE && !isStopped) gone();
  };
  watch().catch(() => {}); // without the permission, or without a shell, nobody is watched
  return {
    stop: () => {
      isStopped = true;
      try {
        watcher?.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
    },
  };
}

/** This process and those above it. */
async function listAncestors(): Promise<Ancestor[]> {
  const { stdout } = await shell(LIST, [Deno.pid], "piped").output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const [, pid, groupId, command] = /^(\d+) (\d+) (.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), groupId: Number(groupId), command: command! }];
  });
}

function shell(script: string, args: readonly number[], stdout: "null" | "piped"): Deno.Command {
  return new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args.map(String)],
    stdin: "null",
    stdout,
    stderr: "null",
  });
}
