import { Lexer } from 'yaml';

/** Far more than any manifest has. The parser's time grows with the square of the one, its stack with the other. */
const maximumTokens = 10_000;
const maximumDepth = 100;

/**
 * Why a text is not given to the YAML parser at all; undefined when it may be. A text made for the purpose keeps that busy for
 * minutes, and one that is nested deeply enough ends the whole process: that is no error which could be caught.
 */
export function wrongShape(text: string): string | undefined {
  let [tokens, line, depthOfFlow, depthInLine] = [0, 1, 0, 0];
  let isAtStart = true;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > maximumTokens) return `line ${line}: it has more parts than a manifest needs`;
    const isNewline = token === '\n' || token === '\r\n';
    if (isNewline) depthInLine = 0;
    else if (token === '[' || token === '{') depthOfFlow++;
    else if (token === ']' || token === '}') depthOfFlow--;
    // A block lies deeper than another when it is further to the right.
    else if (isAtStart && token.trim() === '') depthInLine += token.length;
    else if (token === '-' || token === '?' || (token === ':' && depthOfFlow <= 0)) depthInLine++;
    if (depthOfFlow + depthInLine > maximumDepth) return `line ${line}: it is nested, or indented, more than ${maximumDepth} deep`;
    isAtStart = isNewline;
    line += token.split('\n').length - 1;
  }
  return undefined;
}
