// A Node service on Unleash's own SDK: one JSON line for the first known state of a flag and for each change.
//
//     node service.mjs URL TOKEN FLAG polling|streaming BACKUP_FOLDER

import { initialize } from 'unleash-client';

const [url, token, flag, mode, backupPath] = process.argv.slice(2);
const client = initialize({
    url: `${url}/api`,
    appName: 'node-billing',
    instanceId: `node-${mode}`,
    customHeaders: { Authorization: token },
    refreshInterval: 200,
    metricsInterval: 500,
    backupPath,
    experimentalMode: { type: mode },
});
const say = (line) => console.log(JSON.stringify({ at: Date.now() / 1000, ...line }));
let last;
// Its back-up file counts as a state too: 'ready', while the server is still away.
client.on('ready', () => setInterval(() => {
    const enabled = client.isEnabled(flag, { userId: '1' });
    if (enabled !== last) say({ enabled: (last = enabled), variant: client.getVariant(flag, { userId: '1' }).name });
}, 5));
client.on('error', () => {}); // it goes on trying
