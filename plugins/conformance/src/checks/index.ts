import type { Check } from '../check.js';
import { abilities } from './abilities.js';
import { abort } from './abort.js';
import { authFailure } from './auth-failure.js';
import { concurrentCreates } from './concurrent-creates.js';
import { createInterrupted } from './create-interrupted.js';
import { destroyTwice } from './destroy-twice.js';
import { destroyUnknown } from './destroy-unknown.js';
import { firewall } from './firewall.js';
import { futureFields } from './future-fields.js';
import { gracefulStop } from './graceful-stop.js';
import { handshake } from './handshake.js';
import { installPayload } from './install-payload.js';
import { listOnlyTagged } from './list-only-tagged.js';
import { memory } from './memory.js';
import { ownDirectories } from './own-directories.js';
import { restart } from './restart.js';
import { roundTrip } from './round-trip.js';
import { runByHand } from './run-by-hand.js';
import { sameKeyOnce } from './same-key-once.js';
import { secrets } from './secrets.js';
import { throttling } from './throttling.js';
import { validate } from './validate.js';

/** In the order in which they are run: the last one looks at what the others heard. */
export const checks: readonly Check[] = [
  handshake, runByHand, validate, roundTrip, sameKeyOnce, destroyTwice, destroyUnknown, listOnlyTagged, concurrentCreates, abort, createInterrupted, installPayload,
  futureFields, restart, abilities, firewall, throttling, authFailure, memory, ownDirectories, gracefulStop, secrets,
];
