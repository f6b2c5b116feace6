/** User-data that EC2 takes, before base64. */
export const maximumPayloadBytes = 16_384;

/** Instances of one DescribeInstances: EC2's own bound. */
export const instancesPerPage = 1_000;

/** Values of one filter, and ids of one call. */
export const valuesPerCall = 200;

/** RunInstances under way at once: EC2 lets 5 begin together, then 2 a second. */
export const launchesAtOnce = 4;

/** How long an instance that was made may be missing from what EC2 lists. */
export const invisibleForMs = 10 * 60_000;

/** EC2 does not say for how long it throttles; its buckets fill by some calls a second. */
export const retryThrottledAfterMs = 5_000;

/** From the moment that a security group is looked up for hosts until the first of them is in it. */
export const launchTakesMs = 60_000;

/** A list that does not end is not believed: to take a part of it for all would make machines twice. */
export const mostPages = 200;
