/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad files and what must be said about each. The other files of the run are good: postern.conf names p.conf and an
 * upstream; list.txt is the list of a policy p.conf.
 */
#ifndef POSTERN_TEST_COMPILE_ROWS_H
#define POSTERN_TEST_COMPILE_ROWS_H

struct bad_row {
	const char *file, *text;
	const char *want; /* stands in the output */
};

#define P "name = \"p\";\n"
/* a DNS rule in line 2 with @members instead of some of its own */
#define RULE(members) P "dns = ( { name = \"r\"; " members " } );\n"
#define DOMAIN(text) RULE("priority = 1; action = \"BLOCK\";\n domains = [ \"ok.example\",\n \"" text "\" ];")
#define BLOCK(n, p) "{ name = \"" n "\"; priority = " p "; action = \"BLOCK\"; domains = \"*\"; }"
/* a rule group in line 2 */
#define GROUP(members) P "rule_groups = ( { " members " } );\n"
#define EGRESS(members) P "egress = ( { name = \"e\"; " members " } );\n"
#define TLS(members) "policies = \"p.conf\"; upstreams = { " members "; };\n"
#define C "policies = \"p.conf\"; upstreams = \"192.0.2.53\";\n"
#define BOX(members) C "sandboxes = ( { name = \"a\"; policy = \"p\"; " members " } );\n"
#define OUTPUT(members) C "audit = { outputs = (\n{ " members " } ); };\n"
#define BOXES(a, b) C "sandboxes = (\n { name = \"a\"; policy = \"p\"; " a " },\n { name = \"b\"; policy = \"p\"; " b " } );\n"

static const struct bad_row bad_rows[] = {
	/* syntax */
	{"p.conf", "name = \"p\"\ndns = ( {\n", "p.conf:2: \"{\" is never closed: the file ends before: complete it"},
	{"p.conf", "name = \"p", "p.conf:1: a string that is not closed on its line: write \" behind it"},
	{"p.conf", P "/* comment\n\n", "p.conf:2: a comment that starts here is never closed: write */ behind it"},
	{"p.conf", P "dns = ( ];\n", "p.conf:2: \"]\" does not close the \"(\" of line 2: write the right bracket"},
	{"p.conf", P "}\n", "p.conf:2: \"}\" closes nothing: remove it, or write the \"{\" it belongs to"},
	{"p.conf", P "\n\ndns ( );\n", "p.conf:4: a name without \"=\": write NAME = VALUE;"},
	{"p.conf", P "refusal\n\"drop\";\n", "p.conf:2: a name without \"=\": write NAME = VALUE;"},
	{"p.conf", P "refusal =\n\n", "p.conf:2: a setting without a value: write one behind the \"=\""},
	{"p.conf", P "refusal = ; dns = ();\n", "p.conf:2: a setting without a value: write one behind the \"=\""},
	{"p.conf", P "refusal = drop;\n", "p.conf:2: drop without quotes: write \"drop\""},
	{"p.conf", P "lists: { l = [ a.example ]; };\n", "p.conf:2: a.example without quotes: write \"a.example\""},
	{"p.conf", P "egress = ( { name = \"e\"; to = 192.0.2.1; } );\n", "p.conf:2: 192.0.2.1 without quotes: write \"192.0.2.1\""},
	{"p.conf", P "\"p\";\n", "p.conf:2: a value without a name: write NAME = before it"},
	{"p.conf", P "= 3;\n", "p.conf:2: an \"=\" without a name: write NAME = VALUE;"},
	{"p.conf", P "dns = (\n{ }\n{ } );\n", "p.conf:3: two entries without a comma between them: write a comma behind the first"},
	{"p.conf", P "dns = (\n\"name\" = 3\n);\n", "p.conf:3: a setting in a list: write { } around the settings of an entry"},
	{"p.conf", P "dns = (\n{ };\n{ } );\n", "p.conf:3: a semicolon in a list: write a comma, or close the list before"},
	{"p.conf", P "name = \"q\";\n", "p.conf:2: a setting of this name stands here twice: remove one"},
	{"p.conf", P "lists: { l = [ \"a.example\",\n 3 ]; };\n", "p.conf:3: values of different kinds in [ ]: use one kind"},
	{"p.conf", P "lists: { l = [\n \"a.example\"\n \"b.example\" ]; };\n",
		"p.conf:3: two strings without a comma between them: write a comma behind the first"},
	{"p.conf", P "lists: { l = [ \"a.example\",, \"b.example\" ]; };\n", "p.conf:2: two commas in a row: remove one"},
	{"p.conf", P "refusal = 'drop';\n", "p.conf:2: \"'\" has no meaning here: remove it, or put the value into quotes"},
	{"p.conf", P "refusal = \"dr\\op\";\n", "p.conf:2: a backslash in a string: names and paths need none: remove it"},
	{"p.conf", P "dns = [ { name = \"r\"; } ];\n", "p.conf:2: a bracket in [ ], which holds strings or numbers: write ( ) for groups"},
	{"p.conf", P "dns = ( ,{ } );\n", "p.conf:2: a comma with nothing before it: remove it"},
	{"p.conf", P "refusal = \"drop\";;\n", "p.conf:2: a semicolon with nothing before it: remove it"},
	{"p.conf", P "refu.sal = \"drop\";\n", "p.conf:2: refu.sal cannot name a setting: use letters, digits, \"-\" and \"_\""},
	{"p.conf", RULE("priority = 1-2;"), "p.conf:2: 1-2 without quotes: write \"1-2\""},
	{"p.conf", P "dns = (\n { name = \"r\"; }\negress = ();\n", "p.conf:2: \"(\" is not closed before \"egress\" in line 4: write \")\""},
	{"p.conf", P "dns = (\nname = \"r\";\n);\n", "p.conf:3: a setting in a list: write { } around the settings of an entry"},
	{"p.conf", RULE("priority = 010;"), "p.conf:2: the number 010 begins with 0: write it without"},
	{"p.conf", RULE("priority = 0x10;"), "p.conf:2: a hexadecimal number: write it in decimal"},
	{"p.conf", RULE("priority = 99999999999999999999;"), "p.conf:2: a number of 20 digits is out of range: write a smaller one"},
	{"p.conf", P "a = ((((((((((((((((((((((((((((((((((", "p.conf:2: more than 32 brackets inside each other: close some"},
	/* the frame */
	{"p.conf", "dns = ();\n", "p.conf:1: a policy without \"name\": write name = ...;"},
	{"p.conf", "name = 3;\n", "p.conf:1: \"name\" is of the wrong kind: write a string in quotes"},
	{"p.conf", "name = \"-p\";\n", "p.conf:1: \"-p\" cannot name a policy: write 1 to 63 letters"},
	{"p.conf", P "egres = ();\n", "p.conf:2: a policy has no setting \"egres\": did you mean \"egress\"?"},
	{"p.conf", P "whatever = ();\n", "p.conf:2: a policy has no setting \"whatever\": remove it"},
	{"p.conf", P "dns = { };\n", "p.conf:2: \"dns\" is of the wrong kind: write a list ( ... )"},
	{"p.conf", P "dns = ( \"x\" );\n", "p.conf:2: an entry of `dns` that is no rule: write { name = ...; }"},
	{"p.conf", P "refusal = \"deny\";\n", "p.conf:2: refusal \"deny\" is unknown: write one of reject, drop"},
	{"p.conf", P "refusal = \"rejct\";\n", "p.conf:2: refusal \"rejct\" is unknown: did you mean \"reject\"?"},
	/* lists */
	{"p.conf", P "lists: { l = \"a.example\"; };\n", "p.conf:2: list \"l\" is of the wrong kind: write names in [ ], or { file"},
	{"p.conf", P "lists: { l = { path = \"x\"; }; };\n", "p.conf:2: a list from a file has no setting \"path\": remove it"},
	{"p.conf", P "lists: { l = { file = \"none.txt\"; }; };\n", "p.conf:2: the file none.txt does not exist: create it"},
	{"p.conf", P "lists: { l = [ \"@m\" ]; };\n", "p.conf:2: \"@m\" is a list within a list: name both in `domains`"},
	{"p.conf", P "lists: { l = [ 3 ]; };\n", "p.conf:2: an entry that is no string: put it into quotes"},
	{"list.txt", "a.example\n\nb example\n", "list.txt:3: \"b example\" has a space: write one name without spaces"},
	{"list.txt", "# nothing\n", "list.txt: no name in this list: write one, or remove the list"},
	{"list.txt", "0.0.0.0 a.example\n", "list.txt:1: \"0.0.0.0 a.example\" has a space: write one name without spaces"},
	{"list.txt", "||a.example^\n", "list.txt:1: \"||a.example^\" has a character that no host name has: letters"},
	{"list.txt", "@@a.example\n", "list.txt:1: \"@@a.example\" has an @: write the host name only"},
	/* names that are nearly right */
	{"p.conf", DOMAIN("http://a.example/x"), "p.conf:4: \"http://a.example/x\" is a URL: write only the host name, \"a.example\""},
	{"p.conf", DOMAIN("https://a.example:8443"), "p.conf:4: \"https://a.example:8443\" is a URL: write only the host name, \"a.example\""},
	{"p.conf", DOMAIN("a.example/"), "p.conf:4: \"a.example/\" has a slash: write only the host name, \"a.example\""},
	{"p.conf", DOMAIN("a.example:443"), "p.conf:4: \"a.example:443\" has a port: write \"a.example\" here, and \"tcp/443\" into `ports`"},
	{"p.conf", DOMAIN(" a.example"), "p.conf:4: \" a.example\" has a space: write one name without spaces"},
	{"p.conf", DOMAIN("a.example,b.example"), "p.conf:4: \"a.example,b.example\" has a comma: write each name by itself"},
	{"p.conf", DOMAIN("me@a.example"), "p.conf:4: \"me@a.example\" has an @: write the host name only"},
	{"p.conf", DOMAIN("a.*.example"), "p.conf:4: \"a.*.example\": \"*\" stands for whole labels at the start only"},
	{"p.conf", DOMAIN("*a.example"), "p.conf:4: \"*a.example\": \"*\" stands for whole labels at the start only"},
	{"p.conf", DOMAIN("a.example.*"), "p.conf:4: \"a.example.*\": \"*\" stands for whole labels at the start only"},
	{"p.conf", DOMAIN("*.*.example"), "p.conf:4: \"*.*.example\" has more than one \"*\": it stands once"},
	{"p.conf", DOMAIN("*."), "p.conf:4: \"*.\": \"*\" stands for whole labels at the start only"},
	{"p.conf", DOMAIN("**"), "p.conf:4: \"**\": \"*\" stands for whole labels at the start only"},
	{"p.conf", DOMAIN(".a.example"), "p.conf:4: \".a.example\" begins with a dot: write \"*.a.example\" for the names below"},
	{"p.conf", DOMAIN("a..example"), "p.conf:4: \"a..example\" has an empty label: remove one of the dots"},
	{"p.conf", DOMAIN("*..example"), "p.conf:4: \"*..example\" has an empty label: remove one of the dots"},
	{"p.conf", DOMAIN("."), "p.conf:4: \".\" begins with a dot"},
	{"p.conf", DOMAIN(""), "p.conf:4: an empty name: remove it, or write a name"},
	{"p.conf", DOMAIN("192.0.2.1"), "p.conf:4: \"192.0.2.1\" is an address: domains are names; write addresses as `to` of an egress rule"},
	{"p.conf", DOMAIN("192.0.2.0/24"), "p.conf:4: \"192.0.2.0/24\" is an address: domains are names"},
	{"p.conf", DOMAIN("2001:db8::1"), "p.conf:4: \"2001:db8::1\" is an address: domains are names"},
	{"p.conf", DOMAIN("192.0.2"), "p.conf:4: \"192.0.2\" is no name and no address: correct it"},
	{"p.conf", DOMAIN("a.123"), "p.conf:4: \"a.123\" ends in a label of digits, like an address: correct it"},
	{"p.conf", DOMAIN("a!.example"), "p.conf:4: \"a!.example\" has a character that no host name has"},
	{"p.conf", DOMAIN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"),
		"p.conf:4: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example...\" has a label of 64 bytes"},
	{"p.conf", DOMAIN("xn--a.example"), "p.conf:4: \"xn--a.example\" is no valid internationalized name ("},
	{"p.conf", DOMAIN("\xc3.example"), "is no valid internationalized name ("},
	{"p.conf", DOMAIN("@none"), "p.conf:4: there is no list \"none\": define it in `lists`"},
	/* DNS rules */
	{"p.conf", P "dns = (\n { priority = 1; action = \"BLOCK\"; domains = \"*\"; } );\n", "p.conf:3: a DNS rule without \"name\": write name = ...;"},
	{"p.conf", P "dns = (\n { name = \"12\"; priority = 1; action = \"BLOCK\"; domains = \"*\"; } );\n",
		"p.conf:3: \"12\" cannot name a rule: write 1 to 63 letters"},
	{"p.conf", P "dns = (\n { name = \"a/b\"; priority = 1; action = \"BLOCK\"; domains = \"*\"; } );\n",
		"p.conf:3: \"a/b\" cannot name a rule: write 1 to 63 letters"},
	{"p.conf", RULE("action = \"BLOCK\"; domains = \"*\";"), "p.conf:2: a DNS rule without \"priority\": write priority = ...;"},
	{"p.conf", RULE("priority = 1; domains = \"*\";"), "p.conf:2: a DNS rule without \"action\": write action = ...;"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\";"), "p.conf:2: a DNS rule without \"domains\": write domains = ...;"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; protection = \"DGA\"; confidence = \"HIGH\"; domains = \"*\";"),
		"p.conf:2: `domains` beside `protection`: a rule has one of them: write two rules"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; protection = \"DGA\"; confidence = \"HIGH\";"),
		"p.conf:2: rule \"r\" with a protection cannot allow: write action = \"BLOCK\" or \"ALERT\""},
	{"p.conf", RULE("priority = 1; action = \"ALERT\"; protection = \"DNS_TUNNELING\";"),
		"p.conf:2: rule \"r\" has no `confidence`: write confidence = \"HIGH\";"},
	{"p.conf", RULE("priority = 1; action = \"ALERT\"; protection = \"DNS_TUNNELLING\"; confidence = \"LOW\";"),
		"p.conf:2: protection \"DNS_TUNNELLING\" is unknown: did you mean \"DNS_TUNNELING\"?"},
	{"p.conf", RULE("priority = 1; action = \"ALERT\"; protection = \"DGA\"; confidence = \"SURE\";"),
		"p.conf:2: confidence \"SURE\" is unknown: write one of LOW, MEDIUM, HIGH"},
	{"p.conf", RULE("priority = 1; action = \"ALERT\"; protection = \"DGA\"; confidence = \"LOW\"; ports = [];"),
		"p.conf:2: `ports` in a rule with a protection: it opens nothing: remove them"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; protection = \"DGA\"; confidence = \"LOW\"; redirection = \"TRUST\";"),
		"p.conf:2: `redirection` has no effect here, only with `domains`: remove it"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; confidence = \"LOW\";"),
		"p.conf:2: `confidence` has no effect here, only with `protection`: remove it"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = [];"), "p.conf:2: `domains` is empty: write names"},
	{"p.conf", RULE("priority = 0; action = \"BLOCK\"; domains = \"*\";"), "p.conf:2: priority 0 is out of range: write 1 to 2147483647"},
	{"p.conf", RULE("priority = 3000000000; action = \"BLOCK\"; domains = \"*\";"), "p.conf:2: priority 3000000000 is out of range"},
	{"p.conf", RULE("priority = \"1\"; action = \"BLOCK\"; domains = \"*\";"), "p.conf:2: \"priority\" is of the wrong kind: write a whole number"},
	{"p.conf", RULE("priority = 1.5; action = \"BLOCK\"; domains = \"*\";"), "p.conf:2: \"priority\" is of the wrong kind: write a whole number"},
	{"p.conf", RULE("priority = 1; action = \"allow\"; domains = \"*\"; ports = [];"), "p.conf:2: action \"allow\" is unknown: did you mean \"ALLOW\"?"},
	{"p.conf", RULE("priority = 1; action = \"PERMIT\"; domains = \"*\"; ports = [];"), "p.conf:2: action \"PERMIT\" is unknown: write one of ALLOW, ALERT, BLOCK"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\";"), "p.conf:2: rule \"r\" has no `ports`: write ports = [ \"tcp/443\" ]; or, to allow lookups only, ports = [];"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; ports = \"tcp/1\";"), "p.conf:2: `ports` in a BLOCK rule: it opens nothing: remove them"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"443\";"), "p.conf:2: \"443\" has no protocol: write \"tcp/PORT\" or \"udp/PORT\""},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"tcp/80-90\";"), "p.conf:2: \"tcp/80-90\" is a range: a DNS rule opens single ports"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"tcp\";"), "p.conf:2: \"tcp\" is a range: a DNS rule opens single ports"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"all\";"), "p.conf:2: \"all\" cannot be opened by name"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"icmp\";"), "p.conf:2: \"icmp\" cannot be opened by name"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"tcp/0\";"), "p.conf:2: \"tcp/0\" is no port: write one from 1 to 65535"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"tcp/65536\";"), "p.conf:2: \"tcp/65536\" has no valid port: write one from 0 to 65535"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = \"https\";"), "p.conf:2: \"https\" is no service: write \"tcp/443\""},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = [ \"tcp/1\", \"tcp/2\", \"tcp/3\", \"tcp/4\", \"tcp/5\", "
		"\"tcp/6\", \"tcp/7\", \"tcp/8\", \"tcp/9\", \"tcp/10\", \"tcp/11\", \"tcp/12\", \"tcp/13\", \"tcp/14\", \"tcp/15\", \"tcp/16\",\n"
		"\"tcp/17\" ];"), "p.conf:3: more than 16 ports: a DNS rule opens at most 16"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"AAAAA\";"), "p.conf:2: qtype \"AAAAA\" is unknown: write a name"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"TYPE65536\";"), "p.conf:2: qtype \"TYPE65536\" is unknown: write a name"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = []; redirection = \"FOLLOW\";"),
		"p.conf:2: redirection \"FOLLOW\" is unknown: write one of INSPECT, TRUST"},
	{"p.conf", RULE("priority = 1; action = \"ALLOW\"; domains = \"*\"; ports = []; response = \"NODATA\";"), "p.conf:2: `response` has no effect here, only with action BLOCK: remove it"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; response = \"NXDOMIAN\";"), "p.conf:2: response \"NXDOMIAN\" is unknown: did you mean \"NXDOMAIN\"?"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; response = \"OVERRIDE\";"), "p.conf:2: response OVERRIDE without a target: write override_domain"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; override_domain = \"a.example\";"), "p.conf:2: `override_domain` has no effect here, only with response OVERRIDE"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; response = \"OVERRIDE\"; override_domain = \"*.a.example\";"), "p.conf:2: override_domain is one name: write it without \"*\""},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; response = \"OVERRIDE\"; override_domain = \"a.example\"; override_ttl = -1;"), "p.conf:2: override_ttl -1 is out of range"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; https_records = \"strip\";"), "p.conf:2: `https_records` has no effect here, only with action ALLOW or ALERT"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; actoin = 1;"), "p.conf:2: a DNS rule has no setting \"actoin\": did you mean \"action\"?"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; }, { name = \"r\"; priority = 2; action = \"BLOCK\"; domains = \"a.example\";"),
		"p.conf:2: a rule \"r\" stands in line 2 already: give each rule its own name"},
	{"p.conf", RULE("priority = 7; action = \"BLOCK\"; domains = \"*\"; },\n { name = \"s\"; priority = 7; action = \"BLOCK\"; domains = \"a.example\";"),
		"p.conf:3: priority 7 is that of rule \"r\" in line 2: give each rule its own"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"TYPE65535\";"), "p.conf:2: qtype \"TYPE65535\" is unknown: write a name such as \"A\" or \"HTTPS\", or \"TYPE\" and a number from 1 to 65534"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"TYPE0\";"), "p.conf:2: qtype \"TYPE0\" is unknown"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"TYPE\";"), "p.conf:2: qtype \"TYPE\" is unknown"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; qtype = \"28\";"), "p.conf:2: qtype \"28\" is unknown"},
	{"p.conf", RULE("priority = 1; action = \"BLOCK\"; domains = \"*\"; response = \"OVERRIDE\"; override_domain = \"a.example\"; override_ttl = 604801;"), "p.conf:2: override_ttl 604801 is out of range: write 0 to 604800 seconds"},
	/* rule groups */
	{"p.conf", GROUP("priority = 200; dns = ();"), "p.conf:2: a rule group without \"name\": write name = ...;"},
	{"p.conf", GROUP("name = \"g\"; dns = ();"), "p.conf:2: a rule group without \"priority\": write priority = ...;"},
	{"p.conf", GROUP("name = \"g\"; priority = 200;"), "p.conf:2: a rule group without \"dns\": write dns = ...;"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = (); egress = ();"), "p.conf:2: a rule group has no setting \"egress\": remove it"},
	{"p.conf", GROUP("name = \"g.h\"; priority = 200; dns = ();"), "p.conf:2: \"g.h\" cannot name a rule group: write 1 to 63 letters"},
	{"p.conf", GROUP("name = \"7\"; priority = 200; dns = ();"), "p.conf:2: \"7\" cannot name a rule group: write 1 to 63 letters"},
	{"p.conf", GROUP("name = \"p\"; priority = 200; dns = ();"), "p.conf:2: \"p\" is the policy's name, which its own section `dns` has: give the group another one"},
	{"p.conf", GROUP("name = \"g\"; priority = 100; dns = ();"), "p.conf:2: priority 100 of a rule group is out of range: write 101 to 9898"},
	{"p.conf", GROUP("name = \"g\"; priority = 9899; dns = ();"), "p.conf:2: priority 9899 of a rule group is out of range: write 101 to 9898"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = (); },\n { name = \"g\"; priority = 201; dns = ();"), "p.conf:3: a rule group \"g\" stands in line 2 already: give each group its own name"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = (); },\n { name = \"h\"; priority = 200; dns = ();"), "p.conf:3: priority 200 is that of rule group \"g\" in line 2: give each group its own"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = ( " BLOCK("a", "1") ",\n" BLOCK("a", "2") " );"), "p.conf:3: a rule \"a\" stands in line 2 already"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = ( " BLOCK("a", "1") ",\n" BLOCK("b", "1") " );"), "p.conf:3: priority 1 is that of rule \"a\" in line 2"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; lists: { l = [ \"a.example\" ]; }; dns = (); },\n { name = \"h\"; priority = 201; dns = ( "
		"{ name = \"r\"; priority = 1; action = \"BLOCK\"; domains = \"@l\"; } );"), "p.conf:3: there is no list \"l\": define it in `lists`"},
	{"p.conf", P "rule_groups = ( \"x\" );\n", "p.conf:2: an entry of `rule_groups` that is no group: write { name = ...; }"},
	{"p.conf", P "rule_group = ();\n", "p.conf:2: a policy has no setting \"rule_group\": did you mean \"rule_groups\"?"},
	/* static rules */
	{"p.conf", EGRESS("ports = \"all\";"), "p.conf:2: an egress rule without \"to\": write to = ...;"},
	{"p.conf", EGRESS("to = \"192.0.2.1\";"), "p.conf:2: an egress rule without \"ports\": write ports = ...;"},
	{"p.conf", EGRESS("to = []; ports = \"all\";"), "p.conf:2: `to` is empty: write prefixes"},
	{"p.conf", EGRESS("to = \"192.0.2.1\"; ports = [];"), "p.conf:2: `ports` is empty: write services, or \"all\""},
	{"p.conf", EGRESS("to = \"192.0.2.1/24\"; ports = \"all\";"), "p.conf:2: \"192.0.2.1/24\" has bits behind its prefix length: write \"192.0.2.0/24\""},
	{"p.conf", EGRESS("to = \"192.0.2.0/33\"; ports = \"all\";"), "p.conf:2: \"192.0.2.0/33\" is no prefix: write an address"},
	{"p.conf", EGRESS("to = \"example.com\"; ports = \"all\";"), "p.conf:2: \"example.com\" is no address: names belong into `domains`"},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"tcp/9-1\";"), "p.conf:2: \"tcp/9-1\" has no valid port: write one from 0 to 65535, or a range"},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"icmp/256\";"), "p.conf:2: \"icmp/256\" has no valid type: write one from 0 to 255"},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"proto/256\";"), "p.conf:2: \"proto/256\" is no IP protocol: write a number from 1 to 255"},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"proto/6\";"), "p.conf:2: \"proto/6\" has a name: write \"tcp\""},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"TCP/443\";"), "p.conf:2: \"TCP/443\" is no service: write"},
	{"p.conf", EGRESS("to = \"::/0\"; ports = \"all\"; action = \"BLOCK\";"), "p.conf:2: action BLOCK in a static rule: what no rule allows is denied anyway: remove the rule"},
	{"p.conf", EGRESS("from = \"::/0\"; ports = \"all\";"), "p.conf:2: an egress rule has no setting \"from\": remove it"},
	{"p.conf", P "ingress = ( { name = \"i\"; to = \"::/0\"; ports = \"all\"; } );\n", "p.conf:2: an ingress rule has no setting \"to\": remove it"},
	/* postern.conf */
	{"postern.conf", "upstreams = \"192.0.2.1\";\n", "postern.conf:1: postern.conf without \"policies\": write policies = ...;"},
	{"postern.conf", C "polices = 1;\n", "postern.conf:2: postern.conf has no setting \"polices\": did you mean \"policies\"?"},
	{"postern.conf", "policies = [ \"p.conf\",\n \"p.conf\" ];\n", "p.conf:1: a policy \"p\" is defined in p.conf:1 already: give this one another name"},
	{"postern.conf", "policies = \"\";\n", "postern.conf:1: an empty path in `policies`: remove it"},
	{"postern.conf", "policies = \"p.conf\"; upstreams = \"dns.example\";\n", "postern.conf:1: \"dns.example\" is no upstream: write an address"},
	{"postern.conf", "policies = \"p.conf\"; upstreams = \"192.0.2.1:0\";\n", "postern.conf:1: \"192.0.2.1:0\" is no upstream: write an address"},
	{"postern.conf", "policies = \"p.conf\"; upstreams = [ 53 ];\n", "postern.conf:1: an upstream that is neither a string nor a group"},
	{"postern.conf", TLS("tls = \"dns.example\"; ca = \"ca.pem\""), "postern.conf:1: an upstream without \"address\""},
	{"postern.conf", TLS("address = \"192.0.2.1\"; ca = \"ca.pem\""), "postern.conf:1: an upstream without \"tls\""},
	{"postern.conf", TLS("address = \"192.0.2.1:853\"; tls = \"dns.example\"; ca = \"ca.pem\""),
		"postern.conf:1: \"192.0.2.1:853\" is no address: write one, and `port` beside it where it is not 853"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"192.0.2.1\"; ca = \"ca.pem\""),
		"postern.conf:1: \"192.0.2.1\" is no name that a certificate could carry"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"*.example\"; ca = \"ca.pem\""),
		"postern.conf:1: \"*.example\" is no name that a certificate could carry"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"\"; ca = \"ca.pem\""), "postern.conf:1: \"\" is no name that a certificate could carry"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"dns.example\"; ca = \"none.pem\""), "none.pem does not exist: create it or correct the path"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"dns.example\"; ca = \"p.conf\""), "p.conf: it holds no certificate: give a file with"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"dns.example\"; ca = \"ca.pem\"; port = 65536"), "postern.conf:1: 65536 is no port: write 1 to 65535"},
	{"postern.conf", TLS("address = \"192.0.2.1\"; tls = \"dns.example\"; ca = \"ca.pem\"; name = \"x\""), "postern.conf:1: an upstream has no setting \"name\""},
	{"postern.conf", "policies = \"p.conf\"; upstreams = ( \"192.0.2.1\", { address = \"192.0.2.2\"; tls = \"dns.example\"; ca = \"ca.pem\"; } );\n",
		"postern.conf:1: some upstreams have `tls` and some have not: names would go out in clear text whenever TLS fails"},
	{"postern.conf", C "stub_port = 0;\n", "postern.conf:2: stub_port = 0 is out of range: write 1 to 65535"},
	{"postern.conf", C "stub_port = \"53\";\n", "postern.conf:2: \"stub_port\" is of the wrong kind: write a whole number without quotes"},
	{"postern.conf", C "stub_port = 15400;\n", "stub_port = 15400 lies among the 256 ports from local_stub_port = 15301 on: move one of them"},
	{"postern.conf", C "forward_others = 1;\n", "postern.conf:2: \"forward_others\" is of the wrong kind: write true or false, without quotes"},
	{"postern.conf", C "pins = { min = 3; };\n", "postern.conf:2: `pins` has no setting \"min\": did you mean \"min_s\"?"},
	{"postern.conf", C "pins = { min_s = 10; max_s = 5; };\n", "postern.conf:2: pins.min_s = 10 is more than pins.max_s = 5: lower it, or raise the other"},
	{"postern.conf", C "pins = { min_s = 1; grace_s = 1; margin_s = 2; };\n", "postern.conf:2: pins.margin_s = 2 leaves no time of the shortest pin"},
	{"postern.conf", C "pins = { max_s = 999999; };\n", "postern.conf:2: pins.max_s = 999999 is out of range: write 1 to 604800"},
	{"postern.conf", C "audit = { directory = \"log\"; };\n", "postern.conf:2: audit.directory \"log\" is no absolute path: begin it with \"/\""},
	{"postern.conf", C "audit = { outputs = ( \"ocsf\" ); };\n", "postern.conf:2: an entry of `outputs` that is no output: write { format"},
	{"postern.conf", OUTPUT("format = \"route54\";"), "postern.conf:3: format \"route54\" is unknown: did you mean \"route53\"?"},
	{"postern.conf", OUTPUT("directory = \"/x\";"), "postern.conf:3: an output without \"format\": write format = ...;"},
	{"postern.conf", OUTPUT("format = \"ocsf\"; directory = \"x\";"), "postern.conf:3: directory \"x\" is no absolute path: begin it with \"/\""},
	{"postern.conf", OUTPUT("format = \"ocsf\"; }, { format = \"ocsf\";"), "postern.conf:3: a second output of format \"ocsf\": remove one"},
	{"postern.conf", OUTPUT("format = \"ocsf\"; region = \"eu central\";"), "postern.conf:3: region \"eu central\" cannot stand in a log line: write 1 to 64"},
	{"postern.conf", OUTPUT("format = \"ocsf\"; fields = \"version\";"), "postern.conf:3: `fields` goes with format \"vpc-flow\": remove it"},
	{"postern.conf", OUTPUT("format = \"vpc-flow\"; fields = [ ];"), "postern.conf:3: `fields` is empty: name at least one, or remove it"},
	{"postern.conf", OUTPUT("format = \"vpc-flow\"; fields = [ \"start\",\n\"start\" ];"), "postern.conf:4: the field \"start\" stands here twice: remove one"},
	{"postern.conf", OUTPUT("format = \"vpc-flow\"; fields = \"srcadr\";"), "postern.conf:3: there is no field \"srcadr\": did you mean \"srcaddr\"?"},
	{"postern.conf", OUTPUT("format = \"vpc-flow\"; fields = \"ecs-task-definition-arn\";"), "postern.conf:3: postern cannot fill a field \"ecs-task-definition-arn\""},
	{"postern.conf", C "audit = { directory = \"\"; outputs = (\n{ format = \"ocsf\"; } ); };\n",
		"postern.conf:3: an output without a directory, and audit.directory is standard error"},
	{"postern.conf", C "audit = { per_sandbox = 1; };\n", "postern.conf:2: audit.per_sandbox = 1 is out of range: write 2 to 8192"},
	{"postern.conf", C "audit = { window_ms = 5; };\n", "postern.conf:2: audit.window_ms = 5 is out of range: write 100 to 3600000"},
	{"postern.conf", C "limits = { queries_per_s = 0; };\n", "postern.conf:2: limits.queries_per_s = 0 is out of range: write 1 to 1000000"},
	{"postern.conf", C "limits = { queries_burst = 1000001; };\n", "postern.conf:2: limits.queries_burst = 1000001 is out of range: write 1 to 1000000"},
	{"postern.conf", C "limits = { client_queries_per_s = 0; };\n", "postern.conf:2: limits.client_queries_per_s = 0 is out of range: write 1 to 1000000"},
	{"postern.conf", C "limits = { client_queries_burst = 0; };\n", "postern.conf:2: limits.client_queries_burst = 0 is out of range: write 1 to 1000000"},
	{"postern.conf", C "limits = { client_prefix6 = 129; };\n", "postern.conf:2: limits.client_prefix6 = 129 is out of range: write 32 to 128"},
	{"postern.conf", C "upstream_cookies = 1;\n", "postern.conf:2: \"upstream_cookies\" is of the wrong kind: write true or false, without quotes"},
	{"postern.conf", C "limits = { queries_per_second = 5; };\n", "postern.conf:2: `limits` has no setting \"queries_per_second\": did you mean \"queries_per_s\"?"},
	{"postern.conf", C "limit = { queries_per_s = 5; };\n", "postern.conf:2: postern.conf has no setting \"limit\": did you mean \"limits\"?"},
	{"postern.conf", C "limits = 1000;\n", "postern.conf:2: \"limits\" is of the wrong kind: "},
	/* sandboxes */
	{"postern.conf", BOX(""), "postern.conf:2: sandbox \"a\" selects nothing: write interface, source, cgroup, uid or host = true"},
	{"postern.conf", BOX("uid = 1; mode = \"audti\";"), "postern.conf:2: mode \"audti\" is unknown: did you mean \"audit\"?"},
	{"postern.conf", BOX("uid = 1; mode = \"shadow\";"), "postern.conf:2: mode \"shadow\" is unknown: write one of enforce, audit"},
	{"postern.conf", BOX("uid = 1; fail_open = 1;"), "postern.conf:2: \"fail_open\" is of the wrong kind: write true or false, without quotes"},
	{"postern.conf", BOX("uid = 1; host = true;"), "postern.conf:2: sandbox \"a\" has `uid` and `host`: write one of them"},
	{"postern.conf", BOX("uid = \"root\";"), "postern.conf:2: \"uid\" is of the wrong kind: write a whole number"},
	{"postern.conf", BOX("uid = ( \"root\" );"), "postern.conf:2: a uid is a number: write what `id -u USER` prints"},
	{"postern.conf", BOX("uid = -1;"), "postern.conf:2: uid -1 is out of range: write 0 to 4294967294"},
	{"postern.conf", BOX("uid = [ 1, 2, 3, 4, 5 ];"), "postern.conf:2: 5 values of `uid`: write 1 to 4"},
	{"postern.conf", BOX("host = false;"), "postern.conf:2: host = false selects nothing: remove the sandbox, or write true"},
	{"postern.conf", BOX("interface = \"averyveryverylongname\";"), "postern.conf:2: \"averyveryverylongname\" is no interface name: write 1 to 15 characters"},
	{"postern.conf", BOX("interface = \"a/b\";"), "postern.conf:2: `interface` of sandbox \"a\" holds a character that cannot occur there: correct it"},
	{"postern.conf", BOX("source = \"192.0.2.9/24\";"), "postern.conf:2: \"192.0.2.9/24\" is no source: write an address"},
	{"postern.conf", BOX("source = \"0.0.0.0/0\";"), "postern.conf:2: \"0.0.0.0/0\" selects everybody: write a longer prefix"},
	{"postern.conf", BOX("cgroup = \"a/../b\";"), "postern.conf:2: \"a/../b\" is no cgroup: write its path below /sys/fs/cgroup"},
	{"postern.conf", C "sandboxes = ( { name = \"a\"; policy = \"q\"; host = true; } );\n", "postern.conf:2: there is no policy \"q\": "},
	{"postern.conf", C "sandboxes = ( { name = \"a b\"; policy = \"p\"; host = true; } );\n", "postern.conf:2: \"a b\" cannot name a sandbox: write"},
	{"postern.conf", BOXES("uid = 1;", "uid = 1;"), "postern.conf:4: sandbox \"b\" selects the same uid as \"a\" in line 3: remove one"},
	{"postern.conf", BOXES("host = true;", "host = true;"), "postern.conf:4: sandbox \"b\" selects the same host as \"a\" in line 3: remove one"},
	{"postern.conf", BOXES("interface = \"x\";", "interface = [ \"y\", \"x\" ];"), "postern.conf:4: sandbox \"b\" selects the same interface as \"a\" in line 3"},
	{"postern.conf", BOXES("source = \"10.0.0.0/8\";", "source = \"10.1.0.0/16\";"), "postern.conf:4: sandbox \"b\": its source overlaps with that of \"a\" in line 3"},
	{"postern.conf", BOXES("uid = 1; name = \"c\";", "uid = 2;"), "postern.conf:3: a setting of this name stands here twice: remove one"},
};

#define ALLOW(n, p, d) "{ name = \"" n "\"; priority = " p "; action = \"ALLOW\"; domains = " d "; ports = []; }"

#define EMPTY(n, p) "{ name = \"" n "\"; priority = " p "; dns = (); },\n"

static const struct bad_row warning_rows[] = {
	{"p.conf", DOMAIN("*.com"), "p.conf:4: warning: \"*.com\": it is a public suffix, anybody can register a name below it"},
	{"p.conf", DOMAIN("*.co.uk"), "p.conf:4: warning: \"*.co.uk\": it is a public suffix"},
	{"p.conf", DOMAIN("*.GitHub.io"), "p.conf:4: warning: \"*.GitHub.io\": anybody can rent a name below it"},
	{"p.conf", DOMAIN("*.amazonaws.com"), "p.conf:4: warning: \"*.amazonaws.com\": anybody can rent a name below it"},
	{"p.conf", DOMAIN("OK.example"), "p.conf:4: warning: \"OK.example\" stands here twice: remove one"},
	{"list.txt", "a.example\nb.example\nA.EXAMPLE.\n", "list.txt:3: warning: \"A.EXAMPLE.\" stands in this list twice: remove one"},
	{"list.txt", "a.example\nb.exam", "list.txt:2: warning: the last line has no newline, the file may have been cut: complete it"},
	{"list.txt", "*.cloudfront.net\n", "list.txt:1: warning: \"*.cloudfront.net\": anybody can rent a name below it"},
	{"p.conf", P "lists: {\n l = [ \"a.example\" ]; };\n", "p.conf:3: warning: no rule uses list \"l\": name \"@l\" in `domains` of one, or remove it"},
	{"p.conf", P "lists: { l = [];\n m = []; }; dns = ( " ALLOW("r", "1", "[ \"@l\", \"@m\", \"x.example\" ]") " );\n",
		"p.conf:2: warning: list \"l\" has no name: write one, or remove the list"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = ();"), "p.conf:2: warning: rule group \"g\" has no rule: write one, or remove the group"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; lists: { l = [ \"a.example\" ]; }; dns = ( " BLOCK("a", "1") " );"),
		"p.conf:2: warning: no rule uses list \"l\": name \"@l\" in `domains` of one, or remove it"},
	{"p.conf", GROUP("name = \"g\"; priority = 200; dns = ( " BLOCK("every", "9") " );") "dns = (\n" ALLOW("late", "1", "\"a.example\"") " );\n",
		"p.conf:4: warning: rule \"late\" is never reached: rules before it, such as \"every\" of group \"g\" (p.conf:2), decide every name"},
	{"p.conf", P "rule_groups = (\n" EMPTY("a", "201") EMPTY("b", "202") EMPTY("c", "203") EMPTY("d", "204")
		"{ name = \"e\"; priority = 205; dns = ( " BLOCK("x", "1") " ); } );\ndns = ( " ALLOW("r", "1", "\"a.example\"") " );\n",
		"p.conf:2: warning: 6 rule groups, with the policy's own: a VPC has at most 5, so this policy works on this host only"},
	{"p.conf", P "dns = (\n" ALLOW("all", "1", "\"*\"") ",\n" ALLOW("late", "2", "\"a.example\"") " );\n",
		"p.conf:4: warning: rule \"late\" is never reached: rules before it, such as \"all\" (line 3), decide every name"},
	{"p.conf", P "dns = (\n" ALLOW("late", "2", "[ \"a.example\", \"*.b.example\" ]") ",\n" ALLOW("first", "1", "[ \"*.b.example\", \"a.example\" ]") " );\n",
		"p.conf:3: warning: rule \"late\" is never reached: rules before it, such as \"first\" (line 4)"},
	{"p.conf", P "dns = (\n" ALLOW("first", "1", "\"*.b.example\"") ",\n" ALLOW("late", "2", "[ \"b.example\", \"*.x.b.example\" ]") " );\n",
		"p.conf:4: warning: rule \"late\" never decides 1 of its names, such as \"*.x.b.example\": rule \"first\" (line 3) comes first"},
	{"p.conf", EGRESS("to = \"169.254.169.254\"; ports = \"all\";"), "p.conf:2: warning: \"169.254.169.254\" is a metadata service, which is always denied: remove it"},
	{"p.conf", EGRESS("to = \"192.0.2.0/24\"; ports = \"icmpv6/128\";"), "p.conf:2: warning: \"icmpv6/128\" cannot occur with these prefixes: icmp goes with IPv4"},
	{"postern.conf", BOX("uid = 1; fail_open = true;"), "postern.conf:2: warning: sandbox \"a\": with fail_open a name is answered even when"},
	{"postern.conf", "policies = \"p.conf\";\n", "postern.conf: warning: no upstream, so no name can be resolved: write upstreams"},
};

/* Several errors in one file: all of what is said, and nothing that only follows from another. @text is p.conf. */
#define RULES P "dns = (\n"
static const struct many_row {
	const char *text, *want;
} many_rows[] = {
	{P "refusal = drop;\nlists: { l = [ \"a.example\" \"b.example\" ]; };\ndns = ( { name = \"r\"; priority 3; } );\n",
		"p.conf:2: drop without quotes: write \"drop\"\n"
		"p.conf:3: two strings without a comma between them: write a comma behind the first\n"
		"p.conf:4: a name without \"=\": write NAME = VALUE;\n"},
	{RULES "{ name = \"r; priority = 1; },\n{ name = \"q\"; priority = 010; domains = [ a.example, \"b.example\", c.example ]; } );\n",
		"p.conf:3: a string that is not closed on its line: write \" behind it\n"
		"p.conf:4: the number 010 begins with 0: write it without\n"
		"p.conf:4: a.example without quotes: write \"a.example\"\n"
		"p.conf:4: c.example without quotes: write \"c.example\"\n"},
	{RULES "{ name = \"r\"; domains = [ \"a, \"b\" ];\n priority = ; } # no comma\n{ name = \"q\"; } );\nrefusal = 'drop';\n",
		"p.conf:3: b without quotes: write \"b\"\n"
		"p.conf:4: a setting without a value: write one behind the \"=\"\n"
		"p.conf:4: two entries without a comma between them: write a comma behind the first\n"
		"p.conf:6: \"'\" has no meaning here: remove it, or put the value into quotes\n"},
	{RULES "{ name = \"r\"; domains = [ \"a\", \"b\";\n  ports = [ tcp/443 ]; },\n{ name = \"q\" );\nrefusal = ;\n",
		"p.conf:3: a semicolon in a list: write a comma, or close the list before\n"
		"p.conf:4: tcp without quotes: write \"tcp\"\n"
		"p.conf:5: \")\" does not close the \"{\" of line 5: write the right bracket\n"
		"p.conf:6: a setting without a value: write one behind the \"=\"\n"},
	{RULES "{ name = \"r\"; priority = 1; ), { name = \"q\"; priority = 2; } );\nrefusal\n\"drop\";\negress = ( { to = 192.0.2.1; } );\n",
		"p.conf:3: \")\" does not close the \"{\" of line 3: write the right bracket\n"
		"p.conf:4: a name without \"=\": write NAME = VALUE;\n"
		"p.conf:6: 192.0.2.1 without quotes: write \"192.0.2.1\"\n"},
	{RULES "{ name = \"r\"; priority = 1; }\negress = ( { name = \"e\"; to = 2001:db8::1; ports = \"tcp/443\"; } };\ningress {\n name = \"i\";;\n};\n",
		"p.conf:2: \"(\" is not closed before \"egress\" in line 4: write \")\"\n"
		"p.conf:4: an \"=\" without a name: write NAME = VALUE;\n"
		"p.conf:4: \"}\" does not close the \"(\" of line 4: write the right bracket\n"
		"p.conf:5: a name without \"=\": write NAME = VALUE;\n"
		"p.conf:6: a semicolon with nothing before it: remove it\n"},
	{P "name = \"q\";\nrefusal =\n\ndns = ( { name = \"r\"; priority = 1, name = \"s\"; domains = [ \"a\", 3, \"b\",, \"c\" ]; } );\n}\n/* end",
		"p.conf:2: a setting of this name stands here twice: remove one\n"
		"p.conf:3: a setting without a value: write one behind the \"=\"\n"
		"p.conf:5: a setting of this name stands here twice: remove one\n"
		"p.conf:5: values of different kinds in [ ]: use one kind, or ( ) for groups\n"
		"p.conf:5: two commas in a row: remove one\n"
		"p.conf:6: \"}\" closes nothing: remove it, or write the \"{\" it belongs to\n"
		"p.conf:7: a comment that starts here is never closed: write */ behind it\n"},
	{P "lists: { l = [ \"a\\b\", \"c ]; };\ndns = [ { name = \"r\"; } ];\n@include\negress = (\n { name = \"e\";\n",
		"p.conf:2: a backslash in a string: names and paths need none: remove it\n"
		"p.conf:2: a string that is not closed on its line: write \" behind it\n"
		"p.conf:3: a bracket in [ ], which holds strings or numbers: write ( ) for groups\n"
		"p.conf:4: @include without a file: write @include \"FILE\"\n"
		"p.conf:6: \"{\" is never closed: the file ends before: complete it\n"
		"p.conf:5: \"(\" is never closed: the file ends before: complete it\n"},
	{P "@include \"absent\"\nrefusal = drop;\nodd = 1\nodder = 2 3;\n= 4;\n",
		"p.conf:2: the file absent does not exist: create it or correct the path\n"
		"p.conf:3: drop without quotes: write \"drop\"\n"
		"p.conf:5: 3 cannot name a setting: use letters, digits, \"-\" and \"_\"\n"
		"p.conf:6: an \"=\" without a name: write NAME = VALUE;\n"},
};

#endif
