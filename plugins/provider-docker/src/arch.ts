const names: Readonly<Record<string, string>> = { amd64: 'x64', x86_64: 'x64', arm64: 'arm64', aarch64: 'arm64' };

/** An architecture as Node names it; one that it does not know stays. */
export function archOf(name: string): string {
  return names[name] ?? name;
}
