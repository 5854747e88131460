/// What `nft --stateless list ruleset` (1.0.6) printed of a node with the services `web` (load balancer, external address, two endpoints),
/// `guarded` (load balancer with source ranges, UDP and SCTP), `sticky` and `empty` (node ports; clients that stay, and no endpoint). The
/// last table stands for an engine's.
enum ServiceTableSample {
  static let text = """
    table inet bulkhead-services {
    	map services {
    		typeof ip daddr . meta l4proto . th dport : verdict
    		elements = { 10.96.192.76 . udp . 53 comment "default/guarded" : goto pick_1,
    			     198.51.100.78 . udp . 53 comment "default/guarded" : goto pick_1,
    			     10.96.192.76 . sctp . 54 comment "default/guarded" : goto pick_1,
    			     198.51.100.78 . sctp . 54 comment "default/guarded" : goto pick_1,
    			     10.96.7.7 . tcp . 80 comment "default/web" : goto pick_2,
    			     203.0.113.9 . tcp . 80 comment "default/web" : goto pick_2,
    			     198.51.100.77 . tcp . 80 comment "default/web" : goto pick_2,
    			     10.96.0.1 . tcp . 443 comment "default/kubernetes" : goto pick_1,
    			     10.96.128.72 . tcp . 443 comment "default/sticky" : goto sticky_edc916a6e9ac62d89e7e879e5b34b3e6 }
    	}

    	map endpoints {
    		typeof ip daddr . meta l4proto . th dport . numgen random mod 2 : ip daddr . th dport
    		elements = { 10.96.192.76 . udp . 53 . 0 : 10.244.0.5 . 5353,
    			     198.51.100.78 . udp . 53 . 0 : 10.244.0.5 . 5353,
    			     10.96.192.76 . sctp . 54 . 0 : 10.244.0.5 . 5454,
    			     198.51.100.78 . sctp . 54 . 0 : 10.244.0.5 . 5454,
    			     10.96.7.7 . tcp . 80 . 0 : 10.244.0.5 . 8080,
    			     203.0.113.9 . tcp . 80 . 0 : 10.244.0.5 . 8080,
    			     198.51.100.77 . tcp . 80 . 0 : 10.244.0.5 . 8080,
    			     10.96.0.1 . tcp . 443 . 0 : 10.96.0.1 . 26443,
    			     10.96.7.7 . tcp . 80 . 1 : 10.244.0.6 . 8080,
    			     203.0.113.9 . tcp . 80 . 1 : 10.244.0.6 . 8080,
    			     198.51.100.77 . tcp . 80 . 1 : 10.244.0.6 . 8080 }
    	}

    	map node_services {
    		typeof meta l4proto . th dport : verdict
    		elements = { udp . 30053 comment "default/guarded" : goto node_pick_1,
    			     sctp . 30054 comment "default/guarded" : goto node_pick_1,
    			     tcp . 30080 comment "default/web" : goto node_pick_2,
    			     tcp . 30443 comment "default/sticky" : goto sticky_edc916a6e9ac62d89e7e879e5b34b3e6 }
    	}

    	map node_endpoints {
    		typeof meta l4proto . th dport . numgen random mod 2 : ip daddr . th dport
    		elements = { udp . 30053 . 0 : 10.244.0.5 . 5353,
    			     sctp . 30054 . 0 : 10.244.0.5 . 5454,
    			     tcp . 30080 . 0 : 10.244.0.5 . 8080,
    			     tcp . 30080 . 1 : 10.244.0.6 . 8080 }
    	}

    	set masqueraded {
    		typeof ip daddr . meta l4proto . th dport
    		elements = { 198.51.100.78 . udp . 53,
    			     198.51.100.78 . sctp . 54,
    			     203.0.113.9 . tcp . 80,
    			     198.51.100.77 . tcp . 80 }
    	}

    	set node_masqueraded {
    		typeof meta l4proto . th dport
    		elements = { udp . 30053,
    			     sctp . 30054,
    			     tcp . 30080,
    			     tcp . 30443 }
    	}

    	map refused {
    		typeof ip daddr . meta l4proto . th dport : verdict
    		elements = { 10.96.253.181 . tcp . 443 comment "default/empty" : goto refuse }
    	}

    	map node_refused {
    		typeof meta l4proto . th dport : verdict
    		elements = { tcp . 30444 comment "default/empty" : goto refuse }
    	}

    	set guarded {
    		typeof ip daddr . meta l4proto . th dport
    		elements = { 198.51.100.78 . udp . 53,
    			     198.51.100.78 . sctp . 54 }
    	}

    	set allowed {
    		type ipv4_addr . inet_proto . inet_service . ipv4_addr
    		flags interval
    		elements = { 198.51.100.78 . udp . 53 . 198.51.100.7,
    			     198.51.100.78 . sctp . 54 . 192.0.2.0/24,
    			     198.51.100.78 . udp . 53 . 192.0.2.0/24,
    			     198.51.100.78 . sctp . 54 . 198.51.100.7 }
    	}

    	set loops {
    		type ipv4_addr . ipv4_addr
    		elements = { 10.96.0.1 . 10.96.0.1,
    			     10.244.0.5 . 10.244.0.5,
    			     10.244.0.6 . 10.244.0.6 }
    	}

    	set balancers {
    		type ipv4_addr
    		elements = { 198.51.100.77, 198.51.100.78 }
    	}

    	set clients_824fb4a23e0c33ae9dc107396665351e {
    		type ipv4_addr
    		size 65536
    		flags dynamic,timeout
    		timeout 3h
    	}

    	set clients_f5638d8327f67ec7c9a21a6a4b65e743 {
    		type ipv4_addr
    		size 65536
    		flags dynamic,timeout
    		timeout 3h
    	}

    	chain refuse {
    		meta l4proto tcp reject with tcp reset
    		reject
    	}

    	chain discard {
    		drop
    	}

    	chain turn_away {
    		ct state != new accept
    		ip daddr . meta l4proto . th dport { 10.96.0.10 . tcp . 53, 10.96.0.10 . udp . 53, 10.96.0.1 . tcp . 26443 } accept
    		ip daddr . meta l4proto . th dport vmap @refused
    		ip daddr 10.96.0.0/16 goto refuse
    		ip daddr @balancers goto refuse
    		fib daddr type local meta l4proto . th dport vmap @node_refused
    	}

    	chain refuse_arriving {
    		type filter hook prerouting priority dstnat + 10; policy accept;
    		jump turn_away
    	}

    	chain refuse_local {
    		type filter hook output priority -90; policy accept;
    		jump turn_away
    	}

    	chain admit {
    		type filter hook prerouting priority -120; policy accept;
    		iifname != "lo" iifname != "bh*" ct state new ip daddr 10.96.0.0/16 drop
    		ct state new ip daddr . meta l4proto . th dport @guarded ip daddr . meta l4proto . th dport . ip saddr != @allowed drop
    	}

    	chain find {
    		ip daddr . meta l4proto . th dport @masqueraded meta mark set meta mark | 0x00004000
    		ip daddr . meta l4proto . th dport vmap @services
    		fib daddr type != local return
    		meta nfproto != ipv4 return
    		meta l4proto . th dport @node_masqueraded meta mark set meta mark | 0x00004000
    		meta l4proto . th dport vmap @node_services
    	}

    	chain translate_arriving {
    		type nat hook prerouting priority dstnat - 5; policy accept;
    		jump find
    	}

    	chain translate_local {
    		type nat hook output priority -105; policy accept;
    		jump find
    	}

    	chain translate_leaving {
    		type nat hook postrouting priority srcnat - 5; policy accept;
    		meta mark & 0x00004000 == 0x00004000 meta mark set meta mark & 0xffffbfff masquerade
    		ct status dnat ip saddr . ip daddr @loops masquerade
    		ct status dnat ip saddr 127.0.0.0/8 masquerade
    	}

    	chain pick_1 {
    		dnat ip to @nh,128,32 . meta l4proto . th dport . numgen random mod 1 map @endpoints
    	}

    	chain node_pick_2 {
    		dnat ip to meta l4proto . th dport . numgen random mod 2 map @node_endpoints
    	}

    	chain pick_2 {
    		dnat ip to @nh,128,32 . meta l4proto . th dport . numgen random mod 2 map @endpoints
    	}

    	chain node_pick_1 {
    		dnat ip to meta l4proto . th dport . numgen random mod 1 map @node_endpoints
    	}

    	chain stay_824fb4a23e0c33ae9dc107396665351e {
    		update @clients_824fb4a23e0c33ae9dc107396665351e { ip saddr timeout 3h }
    		meta l4proto tcp dnat ip to 10.244.0.5:8443
    	}

    	chain stay_f5638d8327f67ec7c9a21a6a4b65e743 {
    		update @clients_f5638d8327f67ec7c9a21a6a4b65e743 { ip saddr timeout 3h }
    		meta l4proto tcp dnat ip to 10.244.0.6:8443
    	}

    	chain sticky_edc916a6e9ac62d89e7e879e5b34b3e6 {
    		meta nfproto != ipv4 return
    		ip saddr @clients_824fb4a23e0c33ae9dc107396665351e goto stay_824fb4a23e0c33ae9dc107396665351e
    		ip saddr @clients_f5638d8327f67ec7c9a21a6a4b65e743 goto stay_f5638d8327f67ec7c9a21a6a4b65e743
    		numgen random mod 2 vmap { 0 : goto stay_824fb4a23e0c33ae9dc107396665351e, 1 : goto stay_f5638d8327f67ec7c9a21a6a4b65e743 }
    	}
    }
    table inet bulkhead-test {
    	set sources {
    		type ifname . ipv4_addr
    		elements = { "bhabcd0123456aa" . 10.244.0.5,
    			     "bhabcd0123456bb" . 10.244.0.6 }
    	}

    	chain forward {
    		type filter hook forward priority filter; policy accept;
    		meta nfproto ipv4 iifname != "bh*" oifname != "bh*" drop
    	}
    }
    """
}
