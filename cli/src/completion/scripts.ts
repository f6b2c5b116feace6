export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The scripts know nothing of the commands: they ask `wo __complete`, so they fit every version of it. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: String.raw`# Completion of wo for bash:  source <(wo completion bash)
_wo() {
  local answer line
  local -a lines=()
  COMPREPLY=()
  answer=$(wo __complete bash "$COMP_WORDBREAKS" "${'$'}{COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null) || return 0
  while IFS= read -r line; do lines+=("$line"); done <<<"$answer"
  case ${'$'}{lines[0]} in
    files) compopt -o default 2>/dev/null ;;
    directories) compopt -o dirnames 2>/dev/null ;;
    *) COMPREPLY=("${'$'}{lines[@]:1}") ;;
  esac
}
complete -F _wo wo
`,
  zsh: String.raw`#compdef wo
# Completion of wo for zsh:  source <(wo completion zsh)  behind compinit, or as a file _wo in $fpath
_wo() {
  local answer line
  local -a values shown
  # In quotes, $PREFIX comes without them.
  answer=$(wo __complete zsh -- "${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)${'$'}{:-$compstate[quote]$PREFIX$compstate[quote]}}" 2>/dev/null </dev/null) || return 1
  local -a lines=("${'$'}{(@f)answer}")
  case $lines[1] in
    files) [[ $PREFIX == --*=* ]] && compset -P 1 '*='; _files; return ;;
    directories) [[ $PREFIX == --*=* ]] && compset -P 1 '*='; _files -/; return ;;
  esac
  for line in "${'$'}{(@)lines[2,-1]}"; do
    values+=("${'$'}{line%%$'\t'*}")
    shown+=("${'$'}{line/$'\t'/  -- }")
  done
  (( ${'$'}{#values} )) && compadd -l -d shown -a values
}
if [[ $funcstack[1] == _wo ]]; then _wo "$@"; else compdef _wo wo; fi
`,
  fish: String.raw`# Completion of wo for fish:  wo completion fish | source
function __wo_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (wo __complete fish -- $words[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$current"
        case directories
            __fish_complete_directories "$current"
        case '*'
            test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    end
end
complete -c wo -f -a '(__wo_complete)'
`,
};
