import { WombatError } from '@wombat/proto';

/** Deeper than any message of the API. */
const maximumDepth = 64;
/** Reading a number takes the square of its length, and 64 bits are twenty digits. */
const longNumber = /\d{1001}/;

/**
 * The body of a call; an empty one is an empty message. What is nested more deeply, or holds a longer number, than a message can
 * is refused before anything walks through it.
 * @throws WombatError WO_INVALID_ARGUMENT; SyntaxError
 */
export function readJson(text: string): unknown {
  if (text.trim() === '') return {};
  if (depthOf(text) > maximumDepth) throw new WombatError('WO_INVALID_ARGUMENT', `the body is nested more than ${maximumDepth} deep`);
  if (longNumber.test(text)) throw new WombatError('WO_INVALID_ARGUMENT', 'the body holds a number of more than 1,000 digits');
  return JSON.parse(text);
}

/** Brackets in texts do not count. */
function depthOf(text: string): number {
  let [depth, deepest, inText] = [0, 0, false];
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (inText && character === '\\') index += 1;
    else if (character === '"') inText = !inText;
    else if (!inText && (character === '[' || character === '{')) deepest = Math.max(deepest, (depth += 1));
    else if (!inText && (character === ']' || character === '}')) depth -= 1;
  }
  return deepest;
}
