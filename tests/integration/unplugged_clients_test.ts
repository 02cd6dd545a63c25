/**
 * A client whose network goes down while replies are on their way to it: the kernel says that there is no way any
 * more (EHOSTUNREACH), which ends that connection and nothing else. Servers and clients run in network namespaces of
 * their own. It takes as long as the kernel takes to give up, some three seconds.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SCRIPT = `
  folder=$1 deno=$2 root=$3
  fail() { echo "$1"; cat "$folder"/*.log; exit 9; }
  within() { for i in $(seq 600); do if eval "$2"; then return; fi; sleep 0.1; done; fail "$1"; }
  ip link set lo up
  echo 3 > /proc/sys/net/ipv4/tcp_retries2
  run() { name=$1; shift; "$deno" run -A --no-prompt "$root/src/$name.ts" --host 0.0.0.0 "$@" > "$folder/$name.log" 2>&1 & }
  run node --port 7000 --standalone --data-dir "$folder/node"; node=$!
  run cluster --port 7080 --node-port 7081 --admin-port 0 --data-dir "$folder/cluster"; cluster=$!
  within "node does not start" 'grep -q "node ready" "$folder/node.log"'
  within "cluster does not start" 'grep -q "cluster ready" "$folder/cluster.log"'

  unshare --net sleep 60 & far=$!
  within "no namespace" '[ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
  ip link add near0 type veth peer name far0 netns $far || fail "no link"
  ip addr add 10.231.7.1/24 dev near0; ip link set near0 up
  nsenter -t $far -n sh -c 'ip addr add 10.231.7.2/24 dev far0; ip link set far0 up'
  # It is known sooner that there is no way than that time is over.
  echo 1 > /proc/sys/net/ipv4/neigh/near0/mcast_solicit
  echo 100 > /proc/sys/net/ipv4/neigh/near0/retrans_time_ms

  for port in 7000 7080; do
    (printf 'SET big '; head -c 60000 /dev/zero | tr '\\0' x; echo) | nc 127.0.0.1 $port > /dev/null
    nsenter -t $far -n sh -c "yes 'GET big' | nc 10.231.7.1 $port > /dev/null" &
  done
  connections() { grep -c ": 0107E70A:1B[0-9A-F]* 0207E70A:[0-9A-F]* 01 " /proc/net/tcp; }
  within "clients are not served" '[ "$(connections)" = 2 ]'
  sleep 0.5
  nsenter -t $far -n ip link set far0 down
  within "connections stay" '[ "$(connections)" = 0 ]'
  sleep 0.5
  echo "node: $(echo PING | nc 127.0.0.1 7000)"
  echo "cluster: $(echo PING | nc 127.0.0.1 7080)"
  echo "started: $(grep -c 'started process' "$folder/cluster.log")"
  kill $node $cluster
  wait $node; echo "node's exit code: $?"
  wait $cluster; echo "cluster's exit code: $?"
  grep -h "Uncaught" "$folder"/*.log
  true
`;

Deno.test("A client whose network goes down with replies on their way ends neither node nor balancer", async () => {
  await withFolder(async (folder) => {
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...[
          "--user",
          "--map-root-user",
          "--net",
          "--mount",
          "--pid",
          "--fork",
          "--kill-child",
          "--mount-proc",
        ],
        ...["sh", "-c", SCRIPT, "sh", folder, Deno.execPath(), ROOT],
      ],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    const printed = text.decode(stdout);
    assertStringIncludes(printed, "node: PONG\n", text.decode(stderr));
    assertEquals(printed.split("\n"), [
      ...["node: PONG", "cluster: PONG", "started: 3", "node's exit code: 0", "cluster's exit code: 0", ""],
    ]);
  });
});
