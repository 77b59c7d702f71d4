// SPDX-License-Identifier: GPL-2.0-or-later
// usage: node lookup.js NAME: c-ares (dns.resolve4, dns.resolve6) and getaddrinfo (dns.lookup) have to agree; then HTTPS.
const dns = require('dns').promises;
const https = require('https');

async function main(name) {
	const none = (e) => { if (e.code !== 'ENODATA' && e.code !== 'ENOTFOUND') throw e; return []; };
	const asked = [...await dns.resolve4(name).catch(none), ...await dns.resolve6(name).catch(none)];
	const looked = (await dns.lookup(name, { all: true })).map((x) => x.address);
	if (asked.sort().join() !== looked.sort().join())
		throw new Error(`c-ares ${asked}, getaddrinfo ${looked}`);
	asked.forEach((a) => console.log('address ' + a));
	if (name.endsWith('.com')) {
		await new Promise((done, fail) => https.get({ host: name, path: '/empty', agent: false }, (answer) => {
			console.log('connected ' + answer.socket.remoteAddress);
			answer.resume();
			answer.on('end', done);
		}).on('error', fail));
	}
}

main(process.argv[2]).catch((e) => { console.error(String(e)); process.exit(1); });
