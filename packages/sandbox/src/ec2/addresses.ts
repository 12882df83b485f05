/** Elastic addresses. */
import { authorize, list, type Operation } from './call.ts';

/** No elastic addresses are made here; the list is empty, as clean-up expects to read it. */
export const describeAddresses: Operation = (call) => {
  authorize(call);
  return { addressesSet: list([]) };
};
