/** Another revision of this repository, checked out beside it for as long as it is measured. */
const ROOT = new URL("../../", import.meta.url).pathname;

export interface WorkTree {
  /** What was asked for, and the commit that it is, e.g. `main (1b46970)`. */
  readonly name: string;
  /** With a slash at its end. */
  readonly root: string;
  /** Leaves nothing behind; harmless when called again. */
  remove(): void;
}

/** Throws `RangeError` for a revision that git does not know. */
export function checkOut(revision: string): WorkTree {
  const resolved = git("rev-parse", "--verify", "--quiet", "--short", `${revision}^{commit}`);
  if (!resolved.success) throw new RangeError(`Cannot check out "${revision}": git knows no such commit`);
  const commit = resolved.text;
  const folder = Deno.makeTempDirSync({ prefix: "roundel-against-" });
  let isThere = true;
  const remove = () => {
    if (!isThere) return;
    isThere = false;
    git("worktree", "remove", "--force", `${folder}/tree`);
    Deno.removeSync(folder, { recursive: true });
    git("worktree", "prune");
  };
  const added = git("worktree", "add", "--detach", `${folder}/tree`, commit);
  if (!added.success) {
    remove();
    throw new Error(`Cannot check out "${revision}": ${added.text}`);
  }
  return {
    name: revision.startsWith(commit) ? commit : `${revision} (${commit})`,
    root: `${folder}/tree/`,
    remove,
  };
}

function git(...args: readonly string[]): { success: boolean; text: string } {
  const { success, stdout, stderr } = new Deno.Command("git", { args: ["-C", ROOT, ...args], stdin: "null" })
    .outputSync();
  return { success, text: new TextDecoder().decode(success ? stdout : stderr).trim() };
}
