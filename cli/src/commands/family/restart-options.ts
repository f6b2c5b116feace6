import { durationFromMs } from '@wombat/proto';
import { RestartMode, type RestartSpec } from '@wombat/proto/control';
import { duration, oneOf, wholeNumber } from '../../options.js';

const modes = { always: RestartMode.ALWAYS, 'on-failure': RestartMode.ON_FAILURE, never: RestartMode.NEVER } as const;

/** After which ends nodes are started again, and how often. */
export const restartOptions = {
  restartMode: oneOf('--restart-mode <mode>', 'after which ends a node is started again: always, on-failure (not after exit code 0), never', ['always', 'on-failure', 'never']),
  restartTries: wholeNumber('--restart-tries <n>', 'ends of a node within the interval after which it is started again; the next one leaves it failed', { maximum: 1000 }),
  restartInterval: duration('--restart-interval <duration>', 'time in which the tries are counted'),
  restartDelay: duration('--restart-delay <duration>', 'pause before a restart'),
};

export interface RestartSaid {
  readonly restartMode?: keyof typeof modes | undefined;
  readonly restartTries?: number | undefined;
  readonly restartInterval?: number | undefined;
  readonly restartDelay?: number | undefined;
}

/** undefined when nothing of it is said. */
export function restartSpec({ restartMode: mode, restartTries: tries, restartInterval, restartDelay }: RestartSaid): Partial<RestartSpec> | undefined {
  if ([mode, tries, restartInterval, restartDelay].every((said) => said === undefined)) return undefined;
  return {
    ...(mode !== undefined && { mode: modes[mode] }),
    ...(tries !== undefined && { tries }),
    ...(restartInterval !== undefined && { interval: durationFromMs(restartInterval) }),
    ...(restartDelay !== undefined && { delay: durationFromMs(restartDelay) }),
  };
}
