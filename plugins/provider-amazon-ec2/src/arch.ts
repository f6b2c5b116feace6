const names: Readonly<Record<string, string>> = { x86_64: 'x64', x86_64_mac: 'x64', arm64_mac: 'arm64', i386: 'ia32' };

/** As Node names it. */
export function archOf(architecture: string): string {
  return names[architecture] ?? architecture;
}
