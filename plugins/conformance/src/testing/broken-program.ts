import type { MethodDefinition } from '@grpc/grpc-js';
import { pluginCookie, pluginProtocol, pluginVariables } from '@wombat/proto/plugin';

/** As a program that does not look whether somebody has started it by hand. */
export function pretendToBeHosted(): void {
  process.env[pluginCookie.name] = pluginCookie.value;
  process.env[pluginVariables.protocols] ??= String(pluginProtocol);
}

/** As a server that takes requests of its own version only. */
export function refuseUnknownFields<Q, S>(method: MethodDefinition<Q, S>): void {
  const { requestDeserialize, requestSerialize } = method;
  Object.assign(method, {
    requestDeserialize(bytes: Buffer) {
      const request = requestDeserialize(bytes);
      if (requestSerialize(request).length !== bytes.length) throw new Error('there are fields that are not known');
      return request;
    },
  });
}
