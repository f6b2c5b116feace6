import { each } from '../../options.js';
import { parseReplacement } from '../../parse/replacement.js';

/** Of the commands that set the policies of a family. */
export const replaceOption = {
  replace: each('--replace <policy>', 'whether nodes of a lost host are replaced: never, ask, or after a time such as 10m', parseReplacement),
};
