// SPDX-License-Identifier: GPL-2.0-or-later

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Hashtable;
import javax.naming.NamingEnumeration;
import javax.naming.directory.Attribute;
import javax.naming.directory.InitialDirContext;

/** usage: Lookup NAME [SERVER]: InetAddress and a connection; with a server JNDI's DNS provider, which is a resolver of its own. */
class Lookup {
	public static void main(String[] args) throws Exception {
		if (args.length > 1) {
			jndi(args[0], args[1]);
			return;
		}
		for (InetAddress a : InetAddress.getAllByName(args[0]))
			System.out.println("address " + shorter(a.getHostAddress()));
		try (Socket s = new Socket()) {
			s.connect(new InetSocketAddress(args[0], 443), 5000);
			System.out.println("connected " + shorter(s.getInetAddress().getHostAddress()));
		}
	}

	/** Java writes every group of an IPv6 address; the longest row of zeros goes. */
	private static String shorter(String address) {
		return address.replaceFirst("(^|:)0(:0)+(:|$)", "::");
	}

	private static void jndi(String name, String server) throws Exception {
		Hashtable<String, String> env = new Hashtable<>();
		env.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
		env.put("java.naming.provider.url", "dns://" + server + "/");
		int n = 0;
		for (String type : new String[] {"A", "AAAA"}) {
			Attribute found = new InitialDirContext(env).getAttributes(name, new String[] {type}).get(type);
			if (found == null)
				continue;
			for (NamingEnumeration<?> e = found.getAll(); e.hasMore(); n++)
				System.out.println("address " + shorter(e.next().toString()));
		}
		if (n == 0)
			throw new Exception("no address");
	}
}
