// A browser on Unleash's own SDK: one JSON line for the first known state of a flag, for each change, and for each answer.
//
//     node browser.mjs URL TOKEN FLAG USER

import { InMemoryStorageProvider, UnleashClient } from 'unleash-proxy-client';

const [url, clientKey, flag, userId] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify({ at: Date.now() / 1000, ...line }));
const told = async (where, options) => {
    const answer = await fetch(where, options);
    const known = 'if-none-match' in options.headers;
    say({ path: new URL(where).pathname, status: answer.status, known });
    return answer;
};
const client = new UnleashClient({
    url: `${url}/api/frontend`,
    clientKey,
    appName: 'web',
    context: { userId, properties: { channel: '网' } },
    refreshInterval: 1,
    metricsInterval: 2,
    metricsIntervalInitial: 1,
    storageProvider: new InMemoryStorageProvider(),
    fetch: told,
});
let last;
const look = () => {
    const enabled = client.isEnabled(flag);
    if (enabled !== last) say({ enabled: (last = enabled), variant: client.getVariant(flag).payload?.value ?? '' });
};
client.on('ready', look);
client.on('update', look);
await client.start();
