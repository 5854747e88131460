import Testing

@testable import Model
@testable import Networking

@Suite("Addresses and subnets")
struct AddressTests {
  @Test(arguments: ["0.0.0.0", "255.255.255.255", "172.30.0.2", "1.2.3.4"])
  func `addresses are read and written`(text: String) {
    #expect(IPv4Address(text)?.description == text)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", "+1.2.3.4", " 1.2.3.4", "1..3.4", "a.b.c.d",
    "1.2.3.4 ",
  ])
  func `bad addresses are refused`(text: String) {
    #expect(IPv4Address(text) == nil)
  }

  @Test func `subnets are read, compared and written`() throws {
    let subnet = try #require(IPv4Subnet("172.20.5.9/20"))
    #expect(subnet.description == "172.20.0.0/20")
    #expect(subnet.last.description == "172.20.15.255")
    #expect(subnet.count == 4_096)
    #expect(subnet.contains(try #require(IPv4Address("172.20.15.1"))))
    #expect(!subnet.contains(try #require(IPv4Address("172.20.16.1"))))
    #expect(subnet.overlaps(try #require(IPv4Subnet("172.16.0.0/12"))))
    #expect(!subnet.overlaps(try #require(IPv4Subnet("172.20.16.0/20"))))
    #expect(IPv4Subnet("0.0.0.0/0")?.last.description == "255.255.255.255")
    for bad in ["", "/8", "1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3/8", "1.2.3.4/08"] {
      #expect(IPv4Subnet(bad) == nil, "\(bad)")
    }
  }

  @Test(arguments: ["::", "::1", "fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8::ff00:42:8329"])
  func `IPv6 addresses are read and written`(text: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == text)
    #expect(IPv6Address(octets: address.octets) == address)
  }

  @Test(arguments: ["", ":", "1.2.3.4", "fe80::1%eth0", "::ffff:1.2.3.4", "fd00::1::2", "12345::", "fd00::1 ", "[::1]"])
  func `bad IPv6 addresses are refused`(text: String) {
    #expect(IPv6Address(text) == nil)
  }

  @Test func `IPv6 subnets are read, compared and written, and their addresses given out`() throws {
    let subnet = try #require(IPv6Subnet("fd00:1:2:3:4::9/64"))
    #expect(subnet.description == "fd00:1:2:3::/64")
    #expect(subnet.last.description == "fd00:1:2:3:ffff:ffff:ffff:ffff")
    #expect(subnet.count == .max)
    #expect(subnet.overlaps(try #require(IPv6Subnet("fd00:1::/32"))))
    #expect(!subnet.overlaps(try #require(IPv6Subnet("fd00:1:2:4::/64"))))
    for bad in ["fd00::", "fd00::/", "fd00::/129", "fd00::/-1", "10.0.0.0/8"] { #expect(IPv6Subnet(bad) == nil) }
    var allocator = AddressAllocator(subnet: subnet, range: nil, gateway: subnet.second, networkName: "n")
    #expect(try (0..<2).map { _ in try allocator.allocate().description } == ["fd00:1:2:3::2", "fd00:1:2:3::3"])
    let small = try #require(IPv6Subnet("fd00::/126"))
    var few = AddressAllocator(subnet: small, range: nil, gateway: small.second, networkName: "few")
    #expect(try few.allocate().description == "fd00::2")
    #expect(throws: PlatformError.self) { try few.allocate() }
  }

  @Test func `subnets of our own are unique local and differ`() {
    let many = (0..<64).map { _ in SubnetPool.randomUniqueLocal() }
    #expect(Set(many).count == 64)
    #expect(many.allSatisfy { $0.prefixLength == 64 && $0.network.bits >> 120 == 0xfd })
  }

  @Test func `a request's IPv6 addresses are checked`() throws {
    func pool(_ subnet: String?, _ gateway: String? = nil, _ range: String? = nil) -> NetworkRequest {
      var request = NetworkRequest(name: "n", enableIPv6: true)
      request.ipv6 = NetworkRequest.Pool(subnet: subnet, gateway: gateway, ipRange: range)
      return request
    }
    let good = try #require(try SubnetPool.requestedIPv6(pool("2001:db8::/64", "2001:db8::fe", "2001:db8::100/120")))
    #expect(good.gateway.description == "2001:db8::fe" && good.range?.description == "2001:db8::100/120")
    #expect(try SubnetPool.requestedIPv6(pool(nil)) == nil)
    let bad = [
      pool(nil, "fd00::1"), pool("fd00::"), pool("fd00::/127"), pool("fd00::/32"), pool("fe80::/64"), pool("ff02::/64"),
      pool("::/64"), pool("fd00::/64", "fd01::1"), pool("fd00::/64", nil, "fd01::/80"), pool("fd00::/64", "10.0.0.1"),
    ]
    for request in bad {
      let error = #expect(throws: PlatformError.self) { try SubnetPool.requestedIPv6(request) }
      #expect(error?.code == .invalidArgument, "\(request)")
    }
  }

  @Test func `subnets of others outside need the policy's word`() throws {
    for subnet in ["10.1.0.0/16", "192.168.7.0/24", "100.64.0.0/24", "203.0.113.0/24", "fd00:1::/64", "no subnet", nil]
    {
      try SubnetPool.check(subnet, permitted: [])
    }
    for subnet in ["8.8.8.0/24", "169.254.169.0/24", "172.0.0.0/8", "2001:4860::/64", "0.0.0.0/8"] {
      let error = #expect(throws: PlatformError.self) { try SubnetPool.check(subnet, permitted: ["9.0.0.0/8"]) }
      #expect(error?.code == .forbidden && error?.message.contains(subnet) == true)
    }
    try SubnetPool.check("8.8.8.0/24", permitted: ["8.8.0.0/16"])
    try SubnetPool.check("2001:4860::/64", permitted: ["2001:4860::/48"])
    #expect(throws: PlatformError.self) { try SubnetPool.check(nil, permitted: ["everything"]) }
  }

  @Test func `hardware addresses`() throws {
    #expect(HardwareAddress("02:42:AC:1e:00-02") == nil)
    #expect(HardwareAddress("02-42-AC-1e-00-02")?.description == "02:42:ac:1e:00:02")
    let address = try #require(IPv4Address("172.30.0.2"))
    #expect(HardwareAddress(derivedFrom: address).description == "02:42:ac:1e:00:02")
    for bad in [
      "", "02:42:ac:1e:00", "01:00:5e:00:00:01", "00:00:00:00:00:00", "0x:42:ac:1e:00:02", "02:42:ac:1e:00:02:03",
    ] {
      #expect(HardwareAddress(bad) == nil, "\(bad)")
    }
  }

  @Test func `addresses go round and run out`() throws {
    let subnet = try #require(IPv4Subnet("10.0.0.0/29"))
    var allocator = AddressAllocator(
      subnet: subnet, range: nil, gateway: IPv4Address("10.0.0.1"), networkName: "small")
    let first = try (0..<5).map { _ in try allocator.allocate().description }
    #expect(first == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"])
    let error = #expect(throws: PlatformError.self) { try allocator.allocate() }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message == "no available IPv4 addresses on this network's address pools: small (10.0.0.0/29)")
    allocator.release(try #require(IPv4Address("10.0.0.4")))
    #expect(try allocator.allocate().description == "10.0.0.4")
  }

  @Test func `an address just given back is not the next one`() throws {
    var allocator = AddressAllocator(
      subnet: try #require(IPv4Subnet("10.0.0.0/24")), range: nil, gateway: nil, networkName: "n")
    let first = try allocator.allocate()
    allocator.release(first)
    #expect(try allocator.allocate() != first)
  }

  @Test func `asked-for addresses are checked`() throws {
    var allocator = AddressAllocator(
      subnet: try #require(IPv4Subnet("10.0.0.0/24")), range: IPv4Subnet("10.0.0.128/25"),
      gateway: IPv4Address("10.0.0.1"), networkName: "n")
    try allocator.take(try #require(IPv4Address("10.0.0.9")))
    for (text, code) in [
      ("10.0.0.9", PlatformError.Code.forbidden), ("10.0.0.1", .forbidden), ("10.0.0.255", .forbidden),
      ("10.0.1.1", .invalidArgument),
    ] {
      let error = #expect(throws: PlatformError.self) { try allocator.take(try #require(IPv4Address(text))) }
      #expect(error?.code == code, "\(text)")
    }
    #expect(try allocator.allocate().description == "10.0.0.128")
  }

  @Test func `a full range ends although the subnet is larger`() throws {
    var allocator = AddressAllocator(
      subnet: try #require(IPv4Subnet("10.0.0.0/24")), range: IPv4Subnet("10.0.0.4/30"), gateway: nil, networkName: "n")
    for _ in 0..<4 { _ = try allocator.allocate() }
    #expect(throws: PlatformError.self) { try allocator.allocate() }
  }

  @Test func `pools avoid what is in use`() throws {
    let used = try ["172.30.0.0/16", "172.29.4.0/24", "172.20.0.0/19"].map { try #require(IPv4Subnet($0)) }
    let standard = Array(SubnetPool.free(isDefault: true, inUse: used)).first
    #expect(standard?.description == "172.28.0.0/16")
    let user = Array(SubnetPool.free(isDefault: false, inUse: used)).first
    #expect(user?.description == "172.20.32.0/20")
    #expect(Array(SubnetPool.free(isDefault: false, inUse: [])).count == 640)
    #expect(Array(SubnetPool.free(isDefault: false, inUse: [try #require(IPv4Subnet("0.0.0.0/0"))])).isEmpty)
  }

  @Test func `a request's addresses are checked against each other`() throws {
    let good = try #require(
      try SubnetPool.requested(
        NetworkRequest(name: "n", subnet: "10.1.0.0/16", gateway: "10.1.0.254", ipRange: "10.1.5.0/24")))
    #expect(good.gateway.description == "10.1.0.254" && good.range?.description == "10.1.5.0/24")
    #expect(try SubnetPool.requested(NetworkRequest(name: "n")) == nil)
    let bad = [
      NetworkRequest(name: "n", gateway: "10.0.0.1"), NetworkRequest(name: "n", subnet: "10.0.0.0"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/31"), NetworkRequest(name: "n", subnet: "10.0.0.0/4"),
      NetworkRequest(name: "n", subnet: "224.0.0.0/24"), NetworkRequest(name: "n", subnet: "127.1.0.0/24"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/24", gateway: "10.0.1.1"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/24", gateway: "10.0.0.255"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/24", ipRange: "10.0.1.0/25"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/24", ipRange: "nonsense"),
      NetworkRequest(name: "n", subnet: "fd00::/64"), NetworkRequest(name: "n", subnet: "10.0.0.5/24"),
      NetworkRequest(name: "n", subnet: "10.0.0.0/24", ipRange: "10.0.0.65/26"),
    ]
    let error = #expect(throws: PlatformError.self) {
      try SubnetPool.requested(NetworkRequest(name: "n", subnet: "10.0.0.5/24"))
    }
    #expect(error?.message == "invalid subnet 10.0.0.5/24: it should be 10.0.0.0/24")
    for request in bad {
      let error = #expect(throws: PlatformError.self) { try SubnetPool.requested(request) }
      #expect(error?.code == .invalidArgument, "\(request)")
    }
  }
}
