import Testing

@testable import RegistryClient

@Suite struct WireURLTests {
  @Test(arguments: [
    ("https://r.test/v2/", "https://r.test/v2/"), ("HTTP://R.test:80", "http://r.test/"),
    ("https://r.test:444?x=1", "https://r.test:444/?x=1"), ("https://[::1]:5000/a#b", "https://[::1]:5000/a"),
  ])
  func `an absolute address is taken apart`(text: String, expected: String) {
    #expect(WireURL(absolute: text)?.description == expected)
  }

  @Test(arguments: [
    "file:///etc/passwd", "ftp://r.test/", "https://user:secret@r.test/", "https://", "https://r.test:0/",
    "https://r.test:70000/", "https://r test/", "https://r.test/a\r\nHost: x", "//r.test/", "https://..",
    "javascript:1",
    "unix:///run/docker.sock", "https://[::1", "https://r.test:a/",
  ])
  func `what is no HTTP address is refused`(text: String) {
    #expect(WireURL(absolute: text) == nil)
  }

  @Test(arguments: [
    ("/v2/x", "https://r.test/v2/x"), ("?n=2", "https://r.test/v2/a/b?n=2"), ("c", "https://r.test/v2/a/c"),
    ("//o.test/x", "https://o.test/x"), ("http://o.test", "http://o.test/"),
  ])
  func `a relative address is resolved`(reference: String, expected: String) throws {
    let base = try #require(WireURL(absolute: "https://r.test/v2/a/b?last=x"))
    #expect(base.resolving(reference)?.description == expected)
  }

  @Test func `a relative address with another scheme is refused`() throws {
    let base = try #require(WireURL(absolute: "https://r.test/"))
    #expect(base.resolving("file:///etc/passwd") == nil)
    #expect(base.resolving("gopher://x") == nil)
  }
}

@Suite struct AddressZoneTests {
  @Test(arguments: [
    ("8.8.8.8", AddressZone.public), ("2606:4700::1111", .public), ("10.1.2.3", .private), ("172.31.0.1", .private),
    ("172.32.0.1", .public), ("192.168.0.1", .private), ("100.64.0.1", .private), ("fd00::1", .private),
    ("127.0.0.1", .loopback), ("127.8.9.1", .loopback), ("0.0.0.0", .loopback), ("::1", .loopback), ("::", .loopback),
    ("255.255.255.255", .loopback), ("ff02::1", .loopback), ("169.254.169.254", .linkLocal), ("fe80::1", .linkLocal),
    ("::ffff:127.0.0.1", .loopback), ("::ffff:169.254.169.254", .linkLocal), ("64:ff9b::a9fe:a9fe", .linkLocal),
    ("2002:7f00:1::", .loopback), ("::10.0.0.1", .private),
  ])
  func `an address has a zone`(text: String, zone: AddressZone) {
    #expect(AddressZone(address: text) == zone)
  }

  @Test func `a name has none`() { #expect(AddressZone(address: "localhost") == nil) }

  @Test(arguments: [
    (AddressZone.public, [AddressZone.public]), (.private, [.public, .private]),
    (.loopback, [.public, .private, .loopback]),
    (.linkLocal, [.public, .private, .loopback]),
  ])
  func `ATT-022 nothing leads further in than it lies itself`(from: AddressZone, allowed: [AddressZone]) {
    for target in [AddressZone.public, .private, .loopback, .linkLocal] {
      #expect(from.mayLead(to: target) == allowed.contains(target), "\(from) to \(target)")
    }
  }

  @Test func `the innermost address of several counts for a target, the outermost for a source`() throws {
    let host = try #require(ResolvedHost(addresses: ["8.8.8.8", "127.0.0.1"]))
    #expect(host.innermost == .loopback)
    #expect(host.outermost == .public)
  }
}
