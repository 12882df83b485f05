/**
 * What a new host is told at its first boot: its SSH host key, so that we know it before the first connection
 * (cloud-init "SSH" module: ssh_keys). Nothing else, so it works on every image with cloud-init.
 */
import type { SshKeyPair } from './openssh-key.ts';

/** Returns the document as text. Secret: whoever runs on the host can read it. */
export function hostKeyUserData(hostKey: SshKeyPair): string {
  const indented = hostKey.privateKey.trimEnd().replaceAll('\n', '\n    ');
  return [
    '#cloud-config',
    'ssh_deletekeys: true', // keys baked into the image would be other people's too
    'ssh_keys:',
    '  ed25519_private: |',
    `    ${indented}`,
    `  ed25519_public: ${hostKey.publicKey}`,
    '',
  ].join('\n');
}
