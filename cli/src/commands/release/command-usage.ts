import { quoted } from '@wombat/proto';
import type { ManifestArgument, ManifestCommand } from '@wombat/proto/control';

/** "backup PATH [--level=INTEGER]" */
export function usageOf({ name, arguments: given }: ManifestCommand): string {
  return [name, ...given.map((argument) => (argument.required ? labelOf(argument) : `[${labelOf(argument)}]`))].join(' ');
}

/** How an argument is typed. */
export function labelOf({ name, type, positional, choices }: ManifestArgument): string {
  if (positional) return name.toUpperCase();
  if (type === 'bool') return `--${name}`;
  return `--${name}=${type === 'choice' ? choices.map(quoted).join('|') : type.toUpperCase()}`;
}
