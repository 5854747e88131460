import Testing

@testable import Compose

/// Files that are made to be too much; what leaves the project is among the corpus (`Cases/attacks.cases`).
@Suite struct AttackTests {
  private static func fault(_ text: String) -> ComposeFault? {
    do throws(ComposeFaults) {
      _ = try ComposeLoader(reader: MemoryFiles(files: ["/project/compose.yaml": text])).load(
        ComposeRequest(files: ["/project/compose.yaml"]))
      return nil
    } catch {
      return error.first
    }
  }

  static let deep = 100_000

  @Test(
    "ATT-060 deep nesting ends at its bound",
    arguments: [
      ("lists in brackets", "x-a: " + String(repeating: "[", count: deep)),
      ("mappings in braces", "x-a: " + String(repeating: "{a: ", count: deep)),
      ("lists on one line", "x-a:\n  " + String(repeating: "- ", count: deep) + "a"),
      ("keys on one line", "x-a:\n  " + String(repeating: "? ", count: deep) + "a"),
      ("one more than the bound", "x-a: " + String(repeating: "[", count: 64) + String(repeating: "]", count: 64)),
    ])
  func deepNesting(_ name: String, _ text: String) throws {
    let fault = try #require(Self.fault(text))
    #expect(fault.location != nil)
    #expect(fault.kind == .limit || (name == "keys on one line" && fault.kind == .syntax))
  }

  @Test("ATT-060 nesting up to the bound is read") func allowedNesting() {
    let text =
      "services: {a: {image: b}}\nx-a: " + String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
    #expect(Self.fault(text) == nil)
  }

  @Test(
    "ATT-060 what is too large is refused",
    arguments: [
      ("bytes", "x-a: " + String(repeating: "a", count: ComposeLimits.fileBytes)),
      ("lines", String(repeating: "\n", count: ComposeLimits.fileLines) + "services: {}"),
      ("values", "x-a: [" + String(repeating: "1,", count: ComposeLimits.nodes + 1) + "1]"),
      (
        "text by aliases",
        "x-a: &a \"" + String(repeating: "a", count: 500_000) + "\"\nx-b: [" + String(repeating: "*a,", count: 40)
          + "*a]"
      ),
    ])
  func tooLarge(_ name: String, _ text: String) throws {
    #expect(try #require(Self.fault(text)).kind == .limit)
  }

  @Test("ATT-060 services that all extend a large one are bounded") func extendedBomb() throws {
    let variables = (0..<4_000).map { "      V\($0): x\n" }.joined()
    let services = (0..<200).map { "  s\($0): {extends: base}\n" }.joined()
    let fault = try #require(Self.fault("services:\n  base:\n    image: b\n    environment:\n" + variables + services))
    #expect(fault.kind == .limit && fault.location != nil)
  }

  @Test("ATT-060 a value of many variables that are unset takes no time by their square") func unsetBomb() throws {
    let value = (0..<40_000).map { "$v\($0)." }.joined()
    let clock = ContinuousClock()
    let took = clock.measure { #expect(Self.fault("x-a: \"\(value)\"\nservices: {a: {image: b}}") == nil) }
    #expect(took < .seconds(20))
  }

  @Test("ATT-060 text by variables is bounded") func variableBomb() throws {
    var environment = ["V0": String(repeating: "x", count: 10_000)]
    environment["V"] = String(repeating: "x", count: 200_000)
    var request = ComposeRequest(files: ["/p/c.yaml"])
    request.environment = environment
    let wide = "services: {a: {image: b, labels: {l: \"" + String(repeating: "$V", count: 10) + "\"}}}"
    let many = "services:\n  a:\n    image: b\n    command:\n" + String(repeating: "    - $V\n", count: 200)
    for text in [wide, many] {
      let loader = ComposeLoader(reader: MemoryFiles(files: ["/p/c.yaml": text]))
      #expect(throws: ComposeFaults.self) { try loader.load(request) }
    }
  }

  @Test("ATT-060 numbers that no machine has are texts or refused", arguments: ["1e999999", ".nan", "-.inf", "9e9999"])
  func numbers(_ number: String) {
    #expect(Self.fault("services: {a: {image: b, labels: {l: \(number)}}}") == nil)
    #expect(Self.fault("services: {a: {image: b, cpus: \(number)}}")?.key == "services.a.cpus")
    #expect(Self.fault("services: {a: {image: b, scale: \(number)}}")?.key == "services.a.scale")
    #expect(Self.fault("services: {a: {image: b, mem_limit: \(number)}}")?.key == "services.a.mem_limit")
  }

  @Test("ATT-060 files that include many others are bounded") func manyFiles() throws {
    var files = MemoryFiles()
    for index in 0...ComposeLimits.files {
      files.files["/p/\(index).yaml"] = "include: [\(index + 1).yaml]\nservices: {s\(index): {image: i}}"
    }
    let error = #expect(throws: ComposeFaults.self) {
      try ComposeLoader(reader: files).load(ComposeRequest(files: ["/p/0.yaml"]))
    }
    #expect(error?.first.kind == .limit)
    files.files["/p/wide.yaml"] =
      "include: [" + (0...ComposeLimits.files).map { "e\($0).yaml" }.joined(separator: ",") + "]\n"
    for index in 0...ComposeLimits.files { files.files["/p/e\(index).yaml"] = "services: {s\(index): {image: i}}" }
    let wide = #expect(throws: ComposeFaults.self) {
      try ComposeLoader(reader: files).load(ComposeRequest(files: ["/p/wide.yaml"]))
    }
    #expect(wide?.first.kind == .limit)
  }

  /// Lists as long as the bounds allow: work that grew with the square of their length would take minutes.
  @Test(
    "ATT-060 long lists take no long time", .timeLimit(.minutes(1)),
    arguments: [
      ("environment", "V#=x", 40_000), ("depends_on", "s#", 40_000), ("links", "s#", 40_000),
      ("networks", "n#", 40_000),
      ("volumes", "./a:/d#:z", 20_000), ("secrets", "s#", 40_000), ("ports", "#", 40_000),
    ] as [(String, String, Int)])
  func longLists(_ key: String, _ item: String, _ count: Int) {
    let items = (1...count).map { item.replacing("#", with: String($0)) }
    let fault = Self.fault("services:\n  a:\n    image: b\n    \(key): [\(items.joined(separator: ","))]\n")
    #expect(fault == nil || fault?.kind == .notFound)
  }

  @Test("ATT-060 long mappings take no long time", .timeLimit(.minutes(1))) func longMapping() {
    let items = (0..<20_000).map { "s\($0): {required: false}" }
    #expect(
      Self.fault("services:\n  a:\n    image: b\n    depends_on: {\(items.joined(separator: ","))}\n") == nil)
  }

  @Test(
    "ATT-060 ranges of ports are counted", .timeLimit(.minutes(1)),
    arguments: ["ports", "expose"])
  func portBombs(_ key: String) throws {
    let ranges = Array(repeating: "\"1-4096\"", count: 20_000).joined(separator: ",")
    #expect(try #require(Self.fault("services:\n  a:\n    image: b\n    \(key): [\(ranges)]\n")).kind == .limit)
  }

  @Test(
    "ATT-060 entries are counted", arguments: ["services", "networks", "volumes", "configs", "secrets"])
  func manyEntries(_ section: String) throws {
    let one = section == "services" ? "{image: i}" : section == "networks" || section == "volumes" ? "" : "{file: f}"
    let entries = (0...ComposeLimits.entries).map { "  e\($0): \(one)\n" }.joined()
    let rest = section == "services" ? "" : "services: {a: {image: i}}\n"
    #expect(try #require(Self.fault("\(rest)\(section):\n\(entries)")).kind == .limit)
  }

  @Test func messagesHoldNoEndlessTexts() throws {
    let long = String(repeating: "k", count: 100_000)
    let fault = try #require(Self.fault("services:\n  a:\n    image: b\n    ? \(long)\n    : 1"))
    #expect(fault.kind == .unknownKey && fault.description.utf8.count < 1_000)
  }
}
