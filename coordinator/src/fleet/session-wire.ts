import type { ServerDuplexStream } from '@grpc/grpc-js';
import { limits } from '@wombat/proto';
import { SessionRequest, SessionResponse, SessionServiceService, type ChannelRequest, type ChannelResponse } from '@wombat/proto/agent';

/** Stands for a frame over the limit, which is not even decoded. Known by identity. */
export const oversizeRequest: SessionRequest = { frame: undefined };

/**
 * SessionService as the coordinator registers it: frames that are encoded already pass through,
 * so that a fan-out encodes its job once.
 */
export const sessionWire = {
  session: {
    ...SessionServiceService.session,
    requestDeserialize: (bytes: Buffer): SessionRequest =>
      bytes.length > limits.sessionFrameBytes ? oversizeRequest : SessionRequest.decode(bytes),
    responseSerialize: (frame: SessionResponse): Buffer => (Buffer.isBuffer(frame) ? frame : encodeFrame(frame.frame)),
  },
  channel: SessionServiceService.channel,
} as const;

/** The session's stream as the fleet writes it: encoded frames only. */
export type SessionCall = ServerDuplexStream<SessionRequest, Buffer>;
export type ChannelCall = ServerDuplexStream<ChannelRequest, ChannelResponse>;

export function encodeFrame(frame: SessionResponse['frame']): Buffer {
  return Buffer.from(SessionResponse.encode({ frame }).finish());
}

/** A ping is the same bytes for everyone. */
export const pingFrame = encodeFrame({ $case: 'ping', value: {} });
