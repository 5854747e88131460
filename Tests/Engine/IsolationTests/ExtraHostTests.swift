import Testing

@testable import Isolation

@Suite struct ExtraHostTests {
  @Test(arguments: [
    ("a:10.0.0.1", "a", "10.0.0.1"), ("a=10.0.0.1", "a", "10.0.0.1"), ("a.b:::1", "a.b", "::1"),
    ("a=fd00::9", "a", "fd00::9"),
    ("a:[fd00::9]", "a", "fd00::9"), ("a=[::1]", "a", "::1"), ("a:host-gateway", "a", "host-gateway"),
  ])
  func reads(text: String, name: String, address: String) {
    let host = ExtraHost(text)
    #expect(host?.name == name && host?.address == address)
  }

  @Test(arguments: [
    "", "a", "a:", ":10.0.0.1", "a:b", "-a:10.0.0.1", "a b:10.0.0.1", "a:10.0.0.1\n10.0.0.2 b", "a:[::1",
  ])
  func refuses(text: String) { #expect(ExtraHost(text) == nil) }
}
