/** Version of the product: coordinator, agent and wo are released together. */
export const wombatVersion = '0.1.0';

/** Versions of the session protocol that this build speaks. */
export const sessionProtocol = { minimum: 1, maximum: 1 } as const;
