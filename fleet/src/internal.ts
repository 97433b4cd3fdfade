// For siblings of this repository: may change at any time.
export { type AcmeOptions, openAccount, orderCertificate } from '../certificate/acme.ts';
export { commandDns } from '../certificate/dns.ts';
export { controlSchema } from '../config/schema.ts';
export { filled } from '../enrol/files.ts';
export * from '../linode/index.ts';
