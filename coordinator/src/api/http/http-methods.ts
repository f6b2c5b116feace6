import * as control from '@wombat/proto/control';
import { WombatError } from '@wombat/proto';
import type { Service } from '../service.js';
import { checkAllRead } from './strict-json.js';

/** The part of a generated message type that JSON needs. */
interface MessageType {
  fromJSON(json: unknown): unknown;
  toJSON(message: unknown): unknown;
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** A method as it is offered over HTTP. */
export interface HttpMethod {
  /** Full path as in the method table. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly handler: unknown;
  /** @throws WombatError WO_INVALID_ARGUMENT */
  readRequest(json: unknown): unknown;
  writeResponse(message: unknown): unknown;
}

const contract = 'wombat.control.v1.';

/** The methods of the control services by "<Service>/<Method>". */
export function httpMethods(services: readonly Service[]): ReadonlyMap<string, HttpMethod> {
  const methods = new Map<string, HttpMethod>();
  for (const service of services) {
    for (const [name, { path, requestStream, responseStream }] of Object.entries(service.definition)) {
      const [, serviceName, methodName] = path.split('/') as [string, string, string];
      if (!serviceName.startsWith(contract)) continue;
      // The contracts are linted to name the messages of a method after it.
      const [request, response] = [messageType(`${methodName}Request`), messageType(`${methodName}Response`)];
      methods.set(`${serviceName.slice(contract.length)}/${methodName}`, {
        path,
        requestStream,
        responseStream,
        handler: service.handlers[name],
        readRequest: (json) => readMessage(request, json),
        writeResponse: (message) => response.toJSON(message),
      });
    }
  }
  return methods;
}

function messageType(name: string): MessageType {
  const found = (control as Readonly<Record<string, unknown>>)[name];
  if (typeof found !== 'object' || found === null) throw new WombatError('WO_INTERNAL', `the contract has no message ${name}`);
  return found as MessageType;
}

function readMessage(type: MessageType, json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new WombatError('WO_INVALID_ARGUMENT', 'the body is no JSON object');
  let message: unknown;
  try {
    message = type.fromJSON(json);
  } catch (error) {
    throw unreadable(error);
  }
  checkAllRead(json, message);
  try {
    // Through the binary form, so that ranges are checked as they are for gRPC.
    return type.decode(type.encode(message).finish());
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): WombatError {
  const why = error instanceof Error ? error.message : String(error);
  return new WombatError('WO_INVALID_ARGUMENT', `a value does not fit its field: ${why.slice(0, 200)}`, { cause: error });
}
