export interface Address {
  readonly address: string;
  readonly user?: string;
  readonly port?: number;
}

const form = /^(?:(?<user>[^\s:]+)@)?(?:\[(?<six>[0-9A-Fa-f:.%]+)\]|(?<plain>[^\s:@[\]]+)|(?<bare>[0-9A-Fa-f]*(?::[0-9A-Fa-f.]*){2,}))(?::(?<port>\d{1,5}))?$/;

/** `[USER@]ADDRESS[:PORT]`; an IPv6 address with a port stands in brackets. Undefined: it is something else. */
export function readAddress(text: string): Address | undefined {
  const { user, six, plain, bare, port } = form.exec(text)?.groups ?? {};
  const address = six ?? plain ?? bare;
  if (address === undefined) return undefined;
  return { address, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port: Number(port) }) };
}
