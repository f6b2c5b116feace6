/** Versions further apart than one minor are not meant to work together. */
export function isFarApart(one: string, other: string): boolean {
  const [[major, minor = 0], [otherMajor, otherMinor = 0]] = [one, other].map((version) => version.split('.').map(Number)) as [number[], number[]];
  return major !== otherMajor || Math.abs(minor - otherMinor) > 1;
}
