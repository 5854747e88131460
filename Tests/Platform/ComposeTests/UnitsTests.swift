import Testing

@testable import Compose

@Suite struct UnitsTests {
  @Test(
    arguments: [
      ("0", 0, "0s"), ("10s", 10_000_000_000, "10s"), ("1m30s", 90_000_000_000, "1m30s"),
      ("90s", 90_000_000_000, "1m30s"), ("1.5h", 5_400_000_000_000, "1h30m0s"), ("500ms", 500_000_000, "500ms"),
      ("1500us", 1_500_000, "1.5ms"), ("12ns", 12, "12ns"), ("2d", 172_800_000_000_000, "48h0m0s"),
      ("1s500ms", 1_500_000_000, "1.5s"),
    ] as [(String, Int64, String)])
  func times(_ text: String, _ nanoseconds: Int64, _ printed: String) {
    #expect(Units.duration(text) == nanoseconds)
    #expect(Units.text(nanoseconds: nanoseconds) == printed)
    #expect(Units.duration(printed) == nanoseconds)
  }

  @Test(arguments: ["", "10", "s", "1x", "-1s", "1 s", "1e3s", "999999999w", "1..5s"]) func noTimes(_ text: String) {
    #expect(Units.duration(text) == nil)
  }

  @Test(
    arguments: [
      ("0", 0), ("1024", 1024), ("1k", 1024), ("64m", 67_108_864), ("64MB", 67_108_864), ("1.5g", 1_610_612_736),
      ("2GiB", 2_147_483_648), ("1b", 1), ("1 kb", 1024),
    ] as [(String, Int64)])
  func sizes(_ text: String, _ bytes: Int64) { #expect(Units.size(text) == bytes) }

  @Test(arguments: ["", "m", "-1", "1x", "1e3", "9999999999999p", "0x10"]) func noSizes(_ text: String) {
    #expect(Units.size(text) == nil)
  }

  @Test(
    arguments: [
      ("1", 1_000_000_000), ("0.5", 500_000_000), (".25", 250_000_000), ("1.5", 1_500_000_000), ("2.", 2_000_000_000),
      ("0.0000000019", 1),
    ] as [(String, Int64)])
  func processors(_ text: String, _ billionths: Int64) { #expect(Units.billionths(text) == billionths) }

  @Test(arguments: ["", ".", "-1", "1e3", "a", "1.x", "9999999999"]) func noProcessors(_ text: String) {
    #expect(Units.billionths(text) == nil)
  }

  @Test(
    arguments: [
      ("", []), ("a b", ["a", "b"]), ("  a\t b\n", ["a", "b"]), ("'a b' c", ["a b", "c"]), ("a\"b c\"d", ["ab cd"]),
      ("a\\ b", ["a b"]), ("''", [""]), ("\"a\\\"b\"", ["a\"b"]), ("\"\\n\"", ["\\n"]), ("'a\\b'", ["a\\b"]),
    ] as [(String, [String])])
  func words(_ text: String, _ words: [String]) { #expect(ShellWords.split(text) == words) }

  @Test(arguments: ["'", "\"a", "a\\"]) func noWords(_ text: String) { #expect(ShellWords.split(text) == nil) }

  @Test(
    arguments: [
      ("My Project", "myproject"), ("a_b-c", "a_b-c"), ("_x", "x"), ("-", ""), ("Ünder.1", "nder1"), ("..", ""),
    ])
  func projectNames(_ folder: String, _ name: String) { #expect(ProjectSettings.normalized(folder) == name) }

  @Test(
    arguments: [
      ("a", "/p/a"), ("./a/../b", "/p/b"), ("../x", "/x"), ("/a//b/.", "/a/b"), ("~/f", "/home/u/f"), ("~x", "/p/~x"),
      ("../../../..", "/"),
    ])
  func paths(_ path: String, _ absolute: String) {
    #expect(HostPath.absolute(path, in: "/p", home: "/home/u") == absolute)
  }
}
