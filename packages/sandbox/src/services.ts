/** Every service of the sandbox, in the order in which they start. A new service is one line here. */
import type { ServiceFactory } from './http/service.ts';

export const SERVICES: readonly ServiceFactory[] = [];
