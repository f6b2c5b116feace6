/** It is put into the container as a file; this is more than any has. */
export const maximumPayloadBytes = 1024 * 1024;

/** Creations, and destructions, under way at once: each costs the engine a moment of disk and processor. */
export const creationsAtOnce = 4;
export const destructionsAtOnce = 8;

/** Without a byte from the engine. Starting a container on a busy machine takes seconds. */
export const silenceMs = 120_000;

/** Of a container's console. */
export const consoleLines = 2_000;

/** Registries that throttle count by hours, and do not say until when. */
export const retryPullAfterMs = 60_000;

/** What whoever stops a container waits for before its processes are killed. */
export const stopSeconds = 30;
