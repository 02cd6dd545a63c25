/**
 * Whether a recorded history of one key is linearizable: whether its operations can be put into one order that keeps
 * to real time and in which a register would have answered just so.
 *
 * The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of the
 * configurations that were tried before ("Testing for linearizability", 2017): a configuration is the set of
 * operations that have taken effect and the value they left. Keys are independent of each other, so each is searched
 * alone.
 *
 * An operation without a known outcome may take effect at any time after it was called, or never. To take effect
 * after everything that anyone saw is as good as never, so that it needs no case of its own. Where it is known that the
 * outcome was settled at a later time, it took effect before that, or never does.
 */

export type Operation = {
  /** When it was called and when its reply was there, on one clock; `Infinity` = the outcome is unknown. */
  readonly calledAt: number;
  returnedAt: number;
  /** Of one whose outcome is unknown: from when on it takes no effect any more. */
  settledAt?: number;
} & Deed;

/** What was asked, and what was answered; a result of `undefined` is not known. `null` = no such key. */
type Deed =
  | { readonly kind: "set"; readonly value: string }
  /** SET NX: whether it was set. */
  | { readonly kind: "setnx"; readonly value: string; result: boolean | undefined }
  /** The length behind it. */
  | { readonly kind: "append"; readonly value: string; result: number | undefined }
  | { readonly kind: "get"; result: string | null | undefined }
  | { readonly kind: "incr"; result: string | undefined }
  | { readonly kind: "del"; result: boolean | undefined };

export type Verdict = "linearizable" | "violation" | "undecided";

/** Steps after which a search gives up. */
const STEPS_MAX = 2_000_000;

/** An operation in the list of calls and returns in order of time. */
interface Event {
  readonly operation: Operation;
  /** Place of the operation in the set of those that took effect. */
  readonly index: number;
  /** Of a call the event of its return, or of when its outcome was settled, if there is one; of that the call. */
  match: Event | null;
  readonly isCall: boolean;
  previous: Event | null;
  next: Event | null;
}

/** Judges the operations on one key, which begins absent. Their order does not matter. */
export function judge(operations: readonly Operation[], stepsMax = STEPS_MAX): Verdict {
  const told = operations.filter(({ kind, returnedAt }) => kind !== "get" || returnedAt !== Infinity);
  const head = eventsOf(told);
  const effective = new Uint32Array(Math.ceil(told.length / 32));
  const tried = new Set<string>();
  const path: { call: Event; before: string | null; isSkipped: boolean }[] = [];
  let open = told.filter(({ returnedAt }) => returnedAt !== Infinity).length;
  let state: string | null = null;
  let event = head.next;

  for (let step = 0; open > 0; step++) {
    if (step === stepsMax) return "undecided";
    if (event !== null && event.isCall) {
      const after = effectOf(event.operation, state);
      if (after !== undefined) {
        flip(effective, event.index);
        const configuration = `${effective.join()}=${after}`;
        if (!tried.has(configuration)) {
          tried.add(configuration);
          path.push({ call: event, before: state, isSkipped: false });
          state = after;
          if (event.operation.returnedAt !== Infinity) open--;
          lift(event);
          event = head.next;
          continue;
        }
        flip(effective, event.index);
      }
      event = event.next;
      continue;
    }
    if (event !== null && event.operation.returnedAt === Infinity) {
      // It was settled by now and took no effect.
      flip(effective, event.index);
      const configuration = `${effective.join()}=${state}`;
      if (!tried.has(configuration)) {
        tried.add(configuration);
        path.push({ call: event.match!, before: state, isSkipped: true });
        lift(event.match!);
        event = head.next;
        continue;
      }
      flip(effective, event.index);
    }
    // Something returned that has yet to take effect, or everything is in vain: take back the last one.
    const last = path.pop();
    if (last === undefined) return "violation";
    unlift(last.call);
    if (last.call.operation.returnedAt !== Infinity) open++;
    flip(effective, last.call.index);
    state = last.before;
    // Behind what was skipped nothing else was to be tried.
    event = last.isSkipped ? null : last.call.next;
  }
  return "linearizable";
}

/** The value after `operation` took effect on `state`; `undefined` when it cannot have answered as it did. */
function effectOf(operation: Operation, state: string | null): string | null | undefined {
  switch (operation.kind) {
    case "set":
      return operation.value;
    case "setnx":
      if (operation.result !== undefined && operation.result !== (state === null)) return undefined;
      return state ?? operation.value;
    case "append": {
      const after = (state ?? "") + operation.value;
      return operation.result === undefined || operation.result === after.length ? after : undefined;
    }
    case "get":
      return operation.result === state ? state : undefined;
    case "incr": {
      const after = String(BigInt(state ?? "0") + 1n);
      return operation.result === undefined || operation.result === after ? after : undefined;
    }
    case "del":
      return operation.result === undefined || operation.result === (state !== null) ? null : undefined;
  }
}

/** The list of all events, behind a head that is none. A return goes before a call of the same moment no sooner than it must. */
function eventsOf(operations: readonly Operation[]): Event {
  const events: { at: number; event: Event }[] = [];
  operations.forEach((operation, index) => {
    const call: Event = { operation, index, match: null, isCall: true, previous: null, next: null };
    events.push({ at: operation.calledAt, event: call });
    const at = operation.returnedAt === Infinity ? operation.settledAt : operation.returnedAt;
    if (at === undefined) return;
    call.match = { operation, index, match: call, isCall: false, previous: null, next: null };
    events.push({ at, event: call.match });
  });
  // At one moment calls come first: the two then count as concurrent.
  events.sort((a, b) => a.at - b.at || Number(b.event.isCall) - Number(a.event.isCall));
  const head = { index: -1, match: null, isCall: true, previous: null, next: null } as unknown as Event;
  let last = head;
  for (const { event } of events) {
    last.next = event;
    event.previous = last;
    last = event;
  }
  return head;
}

/** Takes a call, and its return, out of the list. */
function lift(call: Event): void {
  remove(call);
  if (call.match !== null) remove(call.match);
}

/** Puts back what was lifted last. */
function unlift(call: Event): void {
  if (call.match !== null) insert(call.match);
  insert(call);
}

function remove(event: Event): void {
  event.previous!.next = event.next;
  if (event.next !== null) event.next.previous = event.previous;
}

function insert(event: Event): void {
  event.previous!.next = event;
  if (event.next !== null) event.next.previous = event;
}

function flip(bits: Uint32Array, index: number): void {
  bits[index >>> 5]! ^= 1 << (index & 31);
}
