import Testing

/// One case of a table: a script with the docker CLI, and what it must say.
///
/// In the script `$N` is a name of the case's own; everything whose name begins with it is removed afterwards. Besides,
/// there are `api METHOD TARGET`, `until_true CONDITION`, `$SOCKET`, `$SOURCES` and `$ENTER`.
struct ShellCase: Sendable, CustomTestStringConvertible {
  enum Expected: Sendable {
    /// Standard output without white space at its end.
    case exactly(String)
    /// Standard output has each of these lines somewhere.
    case contains([String])
    /// A regular expression over the whole of standard output.
    case matches(String)
    /// Ends with this status, and standard error contains the text.
    case fails(Int32, String)
  }

  var name: String
  var script: String
  var expected: Expected
  /// Why docker 20.10 cannot pass the case, nil when it does; such cases are not run against it.
  var lacking: String?

  var testDescription: String { name }
  var runsHere: Bool { !Target.isForeign || lacking == nil }

  /// Runs the script and compares; against the shared engine unless told otherwise.
  func check(on engine: EngineFixture? = nil, deadlineSeconds: Int = 60) throws {
    let fixture = try engine ?? EngineFixture.shared
    let mark = "t" + String(UInt32.random(in: 0...UInt32.max), radix: 36)
    let outcome = try fixture.shell(script, name: mark, deadlineSeconds: deadlineSeconds)
    if script.contains("$N") { Self.cleanUp(mark, on: fixture) }
    let output = String(outcome.output.reversed().drop { $0.isWhitespace }.reversed())
    let whole = Comment(
      rawValue: """
        \(script)
        status \(outcome.status)
        stdout: \(output.prefix(1500))
        stderr: \(outcome.errors.prefix(1500))
        """)
    if case .fails(let status, let text) = expected {
      #expect(outcome.status == status && outcome.errors.contains(text), whole)
      return
    }
    guard outcome.status == 0 else {
      Issue.record(whole)
      return
    }
    switch expected {
    case .exactly(let text): #expect(output == text, whole)
    case .contains(let texts):
      for text in texts { #expect(output.contains(text), whole) }
    case .matches(let pattern):
      let expression = try Regex(pattern)
      #expect(output.wholeMatch(of: expression) != nil, whole)
    case .fails: break
    }
  }

  /// Removes containers, networks, volumes and images of the case, whatever became of it.
  private static func cleanUp(_ mark: String, on fixture: EngineFixture) {
    func each(_ target: String, _ work: (JSON) -> Void) {
      for item in (try? fixture.request("GET", target).json.array) ?? [] { work(item) }
    }
    func remove(_ target: String) { _ = try? fixture.request("DELETE", target) }
    each("/containers/json?all=1") { item in
      guard item["Names"].array.contains(where: { $0.string?.hasPrefix("/\(mark)") == true }) else { return }
      let id = item["Id"].string ?? ""
      if item["State"].string == "paused" { _ = try? fixture.request("POST", "/containers/\(id)/unpause") }
      remove("/containers/\(id)?force=1&v=1")
    }
    each("/networks") { item in
      if item["Name"].string?.hasPrefix(mark) == true { remove("/networks/\(item["Id"].string ?? "")") }
    }
    for item in (try? fixture.request("GET", "/volumes").json["Volumes"].array) ?? [] {
      if let name = item["Name"].string, name.hasPrefix(mark) { remove("/volumes/\(name)?force=1") }
    }
    each("/images/json") { item in
      for tag in item["RepoTags"].array.compactMap(\.string) where tag.hasPrefix(mark) {
        remove("/images/\(tag)?force=1")
      }
    }
  }
}
