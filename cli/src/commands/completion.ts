import { defineCommand, required } from '../command.js';
import { completionScripts, shells } from '../completion/scripts.js';
import { readWord } from '../options.js';

export const completion = defineCommand({
  description: [
    'Prints a script for your shell. With it the tab key completes commands, flags, their values, and the names of what there is:',
    'families, nodes, hosts and the like are asked of the coordinator, which has 0.3 s to answer.',
  ].join('\n'),
  examples: [
    { command: "echo 'source <(wo completion bash)' >> ~/.bashrc", explanation: 'bash' },
    { command: "echo 'source <(wo completion zsh)' >> ~/.zshrc", explanation: 'zsh, behind the line with compinit' },
    { command: 'wo completion fish > ~/.config/fish/completions/wo.fish', explanation: 'fish' },
  ],
  arguments: { shell: required(`one of ${shells.join(', ')}`, { completes: { words: shells } }) },
  options: {},
  async run({ io }, { shell }) {
    io.stdout.write(completionScripts[readWord(shell, 'SHELL', shells)]);
  },
});
