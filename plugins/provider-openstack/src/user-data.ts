import { ProviderError } from '@wombat/plugin-sdk';

/** Nova takes at most this much user-data, in base64. */
const maxEncodedBytes = 65_535;

/** Four characters of base64 hold three bytes. */
export const maxInstallPayloadBytes = Math.floor(maxEncodedBytes / 4) * 3;

/** @throws ProviderError invalid when it is more than a server can be given */
export function encodeUserData(payload: Uint8Array): string {
  if (payload.length > maxInstallPayloadBytes) {
    throw ProviderError.invalid('installPayload', `the install payload has ${payload.length} bytes, a server takes ${maxInstallPayloadBytes}`);
  }
  return Buffer.from(payload).toString('base64');
}
