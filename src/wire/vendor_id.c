/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Vendor IDs, RFC 2408 3.16, RFC 7296 3.12: bytes that a vendor chose, mostly
 * the MD5 of a text, often with a version behind.  The list has only those
 * whose meaning is known; facts from the RFCs, drafts, MS-IKEE 1.7, vendors'
 * debug logs and the lists of other IKE programs.
 */
#include <stdbool.h>
#include <string.h>

#include <sawatch/ike_registry.h>

struct vendor_pattern {
	const char *hex;	/* what the Vendor ID begins with */
	unsigned length;	/* bytes of the whole Vendor ID; 0: any that are enough */
	const char *name;
};

/* Sorted by hex: equal first bytes stand together, and a longer pattern behind its prefix. */
static const struct vendor_pattern patterns[] = {
	{ "013f11823f966fa91900f024ba66a86b", 0, "IKE Challenge/Response (revised)" },
	{ "054182a07c7ae206f9d2cf9d2432c482", 0, "SSH Sentinel" },
	{ "09002689dfd6b712", 0, "XAUTH" },
	{ "09ec27bfbc09c75823cfecbffe565a2e", 0, "SSH IPSEC Express 1.2.2" },
	{ "0d33611a5d521b5e3c9c03d2fc107e12", 0, "IKE Challenge/Response" },
	{ "0e58d5774df602007d0b02443660f7eb", 0, "SSH IPSEC Express 3.0.0" },
	{ "12f5f28c457168a9702d9fe274cc", 0, "Cisco Unity" },
	{ "166f932d55eb64d8e4df4fd37e2313f0d0fd8451", 0, "Juniper (NetScreen)" },
	{ "16f6ca16e4a4066d83821a0f0aeaa862", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-01)" },
	{ "1952dc91ac20f646fb01cf42a33aee30", 0, "SSH IPSEC Express 1.1.1" },
	{ "1d6e178f6c2c0be284985465450fe9d4", 0, "Fortinet FortiGate" },
	{ "1e2b516905991c7d7c96fcbfb587e461", 0, "Microsoft Windows" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000002", 0, "Microsoft Windows 2000" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000003", 0, "Microsoft Windows XP" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000004", 0, "Microsoft Windows Server 2003" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000005", 0, "Microsoft Windows Vista" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000006", 0, "Microsoft Windows Server 2008" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000007", 0, "Microsoft Windows 7" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000008", 0, "Microsoft Windows 7 or Server 2008 R2" },
	{ "1e2b516905991c7d7c96fcbfb587e46100000009", 0, "Microsoft Windows 8 or later" },
	{ "1f07f70eaa6514d3b0fa96542a50", 0, "Cisco VPN 3000" },
	{ "20a3622c1cea7ce37bee3ca484425276", 0, "IPsec-Tools racoon" },
	{ "214ca4faffa7f32d6748e5303395ae83", 0, "Microsoft AuthIP" },
	{ "26244d38eddb61b3172a36e3d0cfb819", 0, "Microsoft Initial Contact" },
	{ "27bab5dc01ea0760ea4e3190ac27c0d0", 0, "NAT-T (draft-stenberg-ipsec-nat-traversal-01)" },
	{ "2836d1fd2807bc9e5ae30786320451ec", 0, "SSH IPSEC Express 2.1.0" },
	{ "299ee8289f40a8973bc78687e2e7226b532c3b76", 0, "Juniper (NetScreen)" },
	{ "2a2bcac19b8e91b426107807e02e7249569d6fd3", 0, "Juniper (NetScreen)" },
	{ "2c9d7e81995b9967d23f571ac641f9348122f1cc", 0, "Juniper (NetScreen)" },
	{ "2d7922c6b301d9b0e1342739e9cfbbd5", 0, "Delete with reason" },
	{ "325df29a2319f2dd", 8, "draft-ietf-ipsec-antireplay-00" },
	{ "3a15e1f3cf2a63582e3ac82d1c64cbe3b6d779e7", 0, "Juniper (NetScreen)" },
	{ "3b9031dce4fcf88b489a923963dd0c49", 0, "DPD next generation (Shrew Soft)" },
	{ "3c8e70bdf9c7d74add53e4100915dc2e4bb51274", 0, "Aruba controller" },
	{ "3e984048", 16, "Cisco IOS" },
	{ "3f2372867e237c1cd8250a75559cae20", 0, "SSH IPSEC Express 2.1.2" },
	{ "4048b7d56ebce88525e7de7f00d6c2d3", 0, "IKE fragmentation (Cisco, Microsoft)" },
	{ "404bf439522ca3f6", 0, "SonicWall" },
	{ "424e4553000000", 8, "Nortel Contivity" },
	{ "434953434f28434f5059524947485429", 0, "Cisco copyright" },
	{ "434953434f2d44454c4554452d524541534f4e", 0, "Cisco Delete Reason" },
	{ "434953434f2d44594e414d49432d524f555445", 0, "Cisco Dynamic Route" },
	{ "434953434f2d4752452d4d4f4445", 0, "Cisco GRE mode" },
	{ "434953434f56504e2d5245562d3032", 0, "Cisco VPN revision 2" },
	{ "439b59f8ba676c4c7737ae22eab8f582", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-07)" },
	{ "4485152d18b6bbcd0be8a8469579ddcc", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-00)" },
	{ "464c455856504e2d535550504f52544544", 0, "Cisco FlexVPN" },
	{ "47bbe7c993f1fc13b4e6d0db565c68e5", 0, "SafeNet SoftRemote" },
	{ "47d2b126bfcd83489760e2cf8c5d4d5a03497c15", 0, "Juniper (NetScreen)" },
	{ "4865617274426561745f4e6f74696679", 0, "Heartbeat Notify (Juniper)" },
	{ "494b457632", 5, "Can IKEv2 (Openswan, Libreswan)" },
	{ "4a131c81070358455c5728f20e95452f", 0, "NAT-T (RFC 3947)" },
	{ "4a4340b543e02b84c88a8b96a8af9ebe77d9accc", 0, "Juniper (NetScreen)" },
	{ "4c53427b6d465d1b337bb755a37a7fef", 0, "Fortinet FortiClient Connect License" },
	{ "4d1e0e136deafa34c4f3ea9f02ec7285", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-06)" },
	{ "4d6163204f53582031302e78", 0, "Mac OS X" },
	{ "4df37928e9fc4fd1b3262170d515c662", 0, "NAT-T (Mac OS X)" },
	{ "4f45", 12, "FreeS/WAN, Openswan or Libreswan" },
	{ "4f452d4c696272657377616e", 0, "Libreswan" },
	{ "4f70656e494b45442d", 0, "OpenIKED" },
	{ "4f70656e5047503130313731", 0, "OpenPGP" },
	{ "4f70706f7274756e6973746963204950736563", 0, "Opportunistic IPsec (Libreswan)" },
	{ "50760f624c63e5c53eea386c685ca083", 0, "NAT-T (draft-huttunen-ipsec-esp-in-udp-01)" },
	{ "5430888de01a31a6fa8f60224e449958", 0, "SSH Sentinel 1.2" },
	{ "54494d4553544550", 0, "TimeStep" },
	{ "56494120417574682050726f66696c65203a20", 0, "Aruba VIA Auth Profile" },
	{ "5b362bc820f600", 8, "SonicWall" },
	{ "6105c422e76847e43f9684801292aecd", 0, "NAT-T (draft-stenberg-ipsec-nat-traversal-02)" },
	{ "621b04bb09882ac1e15935fefa24aeee", 0, "GSS-API" },
	{ "625027749d5ab97f5616c1602765cf480a3b7d0b", 0, "Zyxel ZyWALL" },
	{ "63d9a1a7009491b5a0a6fdeb2a8284f0", 0, "SSH Sentinel 1.4" },
	{ "64405f46f03b7660a23be116a1975058e69e8387", 0, "Juniper (NetScreen)" },
	{ "686a8cbdfe634b405146fb2baf33e9e8", 0, "Microsoft Security Realm" },
	{ "6880c7d026099114e486c55430e7abee", 0, "SSH IPSEC Express 4.2.0" },
	{ "699369228741c6d4ca094c93e242c9de19e7b7c6", 0, "Juniper (NetScreen)" },
	{ "6a7434c19d7e36348090a02334c9c805", 0, "NAT-T (draft-huttunen-ipsec-esp-in-udp-00)" },
	{ "7003cbc1097dbe9c2600ba6983bc8b35", 0, "KAME racoon" },
	{ "7a54d3bdb3b1e6d923892064be2d981c", 0, "SSH IPSEC Express 4.0.1" },
	{ "7d9419a65310ca6f2c179d9215529d56", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-03)" },
	{ "7ee5cb85f71ce259c94a5c731ee4e752", 0, "SSH Sentinel 1.3" },
	{ "7f21a596e4e318f0b2f4944c2384cb84", 0, "SSH IPSEC Express 2.0.0" },
	{ "800100018002000180030002", 12, "Cisco Unity firewall type" },
	{ "80d0bb3def54565ee84645d4c85ce3ee", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-05)" },
	{ "810fa565f8ab14369105d706fbd57279", 0, "NAT-T (Solaris)" },
	{ "8299031757a36082c6a621de", 0, "Fortinet FortiGate" },
	{ "8404adf9cda05760b2ca292e4bff537b", 0, "Sidewinder" },
	{ "882fe56d6fd20dbc2251613b2ebe5beb", 0, "strongSwan" },
	{ "88f0e3149b3fa48b05aa7f685f0b766be186ccb8", 0, "Aruba VIA client" },
	{ "8c0dc6cf62a0ef1b5c6eabd1b67ba69866adf16a", 0, "Juniper (NetScreen)" },
	{ "8db7a41811221660", 8, "draft-ietf-ipsec-heartbeats-00" },
	{ "8f8d83826d246b6fc7a8a6a428c11de8", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-08)" },
	{ "90cb80913ebb696e086381b5ec427b1f", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-02n)" },
	{ "92d27a9ecb31d99246986d3453d0c3d57a222a61", 0, "Juniper (NetScreen)" },
	{ "9436e8d67174ef9aed068d5ad5213f187a3f8ba6", 0, "Juniper (NetScreen)" },
	{ "9909b64eed937c6573de52ace952fa6b", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-04)" },
	{ "9aa1f3b43472a45d5f506aeb260cf214", 0, "SSH IPSEC Express 4.1.0" },
	{ "9b096d9ac3275a7d6fe8b91c583111b09efed1a0", 0, "Juniper (NetScreen)" },
	{ "a35bfd05ca1ac0b3d2f24e9e82bfcbff9c9e52b5", 0, "Juniper (NetScreen)" },
	{ "a68de756a9c5229bae66498040951ad5", 0, "SSH IPSEC Express 2.1.1" },
	{ "ad2c0dd0b9c32083ccba25b8861ec455", 0, "GSS-API authentication" },
	{ "ad3251042cdc4652c9e0734ce5de4c7d", 0, "IKE Challenge/Response (revised)" },
	{ "afcad71368a1f1c96b8696fc7757", 16, "DPD (RFC 3706)" },
	{ "b46d8914f3aaa3f2fedeb7c7db2943ca", 0, "GSS-API authentication" },
	{ "b4f01ca951e9da8d0bafbbd34ad3044e", 0, "Fortinet Endpoint Control" },
	{ "b91623e693ca18a54c6a2778552305e8", 0, "SSH Sentinel 1.1" },
	{ "ba290499c24e84e53a1d83a05e5f00c9", 0, "IKE Challenge/Response" },
	{ "bf03746108d746c904f1f3547de24f78479fed12", 0, "Juniper (NetScreen)" },
	{ "c1111b2dee8cbc3d620573ec57aab9cb", 0, "SSH IPSEC Express 1.2.1" },
	{ "c1dc4350476b98a429b91781914ca43e", 0, "Fortinet FortiClient EAP Extension" },
	{ "c2e80500f4cc5fbf5daaeed3bb59abaeee56c652", 0, "Juniper (NetScreen)" },
	{ "c40fee00d5d39ddb1fc762e09b7cfea7", 0, "NAT-T (testing)" },
	{ "c6f57ac398f493208145b758", 16, "NCP server" },
	{ "c8660a62b03b1b6130bf781608d32a6a8d0fb89f", 0, "Juniper (NetScreen)" },
	{ "ca3e2b854ba8030017dc1023a4fde2041f9f7463", 0, "Aruba remote AP" },
	{ "cd60464335df21f87cfdb2fc68b6a448", 0, "NAT-T (draft-ietf-ipsec-nat-t-ike-02)" },
	{ "da8e9378", 8, "SafeNet (also SonicWall, WatchGuard)" },
	{ "e3a5966a76379fe707228231e5ce8652", 0, "Microsoft IKE CGA version 1" },
	{ "e8bffa643e5c8f2cd10fda7370b6ebe5", 0, "SSH IPSEC Express 1.1.2" },
	{ "eb4b0d96276b4e220ad16221a7b2a5e6", 0, "SSH Sentinel 1.4.1" },
	{ "eb4c1b788afd4a9cb7730a68", 16, "NCP client" },
	{ "f14b94b7bff1fef02773b8c49feded26", 0, "Shrew Soft" },
	{ "f4ed19e0c114eb516faaac0ee37daf2807b4381f", 0, "Check Point" },
	{ "f5ce31ebc210f44350cf71265b57380f", 0, "SSH IPSEC Express 3.0.1" },
	{ "f64260af2e2742daddd56987068a99a0", 0, "SSH IPSEC Express 4.0.0" },
	{ "f885da40b1e7a9abd17655ec5bbec0f21f0ed52e", 0, "Juniper (NetScreen)" },
	{ "fb1de3cdf341b7ea16b7e5be0855f120", 0, "Microsoft Negotiation Discovery Capable" },
	{ "fbf47614984031fa8e3bb6198089b223", 0, "SSH IPSEC Express 1.1.0" },
};

enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static unsigned first_byte(const struct vendor_pattern *p)
{
	return nibble(p->hex[0]) << 4 | nibble(p->hex[1]);
}

static bool begins_with(const uint8_t *id, unsigned length, const char *hex)
{
	for (; *hex; hex += 2, id++, length--)
		if (length == 0 || *id != (nibble(hex[0]) << 4 | nibble(hex[1])))
			return false;
	return true;
}

/* The first pattern whose first byte is not below `byte`. */
static unsigned lower_bound(unsigned byte)
{
	unsigned low = 0, high = PATTERNS;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (first_byte(&patterns[middle]) < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *ike_vendor_name(const uint8_t *id, unsigned length)
{
	const char *name = NULL;

	if (length == 0)
		return NULL;
	for (unsigned i = lower_bound(id[0]); i < PATTERNS; i++) {
		const struct vendor_pattern *p = &patterns[i];

		if (first_byte(p) != id[0])
			break;
		if ((p->length == 0 || p->length == length) && begins_with(id, length, p->hex))
			name = p->name;	/* of nested prefixes the longest comes last */
	}
	return name;
}

const char *ike_vendor_known_name(struct bytes name)
{
	for (unsigned i = 0; i < PATTERNS; i++)
		if (strlen(patterns[i].name) == name.length &&
		    memcmp(patterns[i].name, name.data, name.length) == 0)
			return patterns[i].name;
	return NULL;
}
