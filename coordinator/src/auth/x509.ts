// @peculiar/x509 is wired by tsyringe inside, which wants this polyfill before it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { webcrypto } from 'node:crypto';

x509.cryptoProvider.set(webcrypto);

export { x509 };
