/** The numbers in a list of shards as the log has it: `0, 3-5`. */
export function shardsInList(text: string): number[] {
  return text.split(", ").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}
