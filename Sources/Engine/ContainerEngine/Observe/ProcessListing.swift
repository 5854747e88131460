import LinuxSystem
import Model

extension Engine {
  /// The processes of a container as ps(1) shows them on the host, in the columns that its options ask for.
  public func top(_ reference: String, arguments: String) async throws -> ProcessTable {
    let container = try registry.find(reference)
    let words = try ProcessListing.options(arguments)
    guard container.process != nil else {
      throw PlatformError(.conflict, "container \(container.id) is not running")
    }
    let path = try cgroupPath(container.record)
    let before = try cgroups.listProcesses(path)
    guard !before.isEmpty else { throw PlatformError(.conflict, "container \(container.id) is not running") }
    let output = try ProcessListing.run(words, pids: before)
    // A process that ended meanwhile may have left its number to one of the host's.
    let table = try ProcessListing.table(output, pids: Set(before).intersection(try cgroups.listProcesses(path)))
    emit("top", container.record)
    return table
  }
}

/// Asks ps(1) of the host, which runs as root, about nothing but a container's processes.
///
/// `-q` stands first, so that no option before it can swallow it: with it ps looks at the named processes only and refuses
/// further selections. Options that show environments or give another column the name of the process id are refused.
enum ProcessListing {
  private static let maxOptionBytes = 256
  private static let maxOutputBytes = 4 << 20
  private static let deadlineSeconds = 10.0
  /// Options whose value is the rest of their word, or the next one.
  private static let valuesOfDashed = "oOCGgpqstuUk"
  private static let valuesOfPlain = "oOkpqtU"

  /// The words of `ps_args`; docker's default where there are none.
  static func options(_ text: String) throws -> [String] {
    let words = text.split(separator: " ").map(String.init)
    let known = words.allSatisfy {
      $0.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || [44, 45, 95, 37, 61].contains($0)
      }
    }
    guard known, text.utf8.count <= maxOptionBytes else {
      throw refusal("'\(text.prefix(maxOptionBytes))' has characters that ps options do not have")
    }
    var isValue = false
    for word in words {
      if isValue || word.hasPrefix("--") {
        try checkFormat(word)
        isValue = false
      } else {
        isValue = try check(word)
      }
    }
    return words.isEmpty ? ["-ef"] : words
  }

  /// Looks at a word of letters; true where the next word is the value of its last.
  private static func check(_ word: String) throws -> Bool {
    let isDashed = word.hasPrefix("-")
    let letters = isDashed ? word.dropFirst() : word[...]
    guard let place = letters.firstIndex(where: { (isDashed ? valuesOfDashed : valuesOfPlain).contains($0) }) else {
      if !isDashed, letters.contains("e") { throw refusal("the option 'e' would show environments") }
      return false
    }
    if !isDashed, letters[..<place].contains("e") { throw refusal("the option 'e' would show environments") }
    let value = letters[letters.index(after: place)...]
    try checkFormat(String(value))
    return value.isEmpty
  }

  private static func checkFormat(_ text: String) throws {
    let lower = text.lowercased()
    guard !lower.contains("environ") else { throw refusal("the column 'environ' would show environments") }
    let parts = lower.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !lower.hasPrefix("--") else { return }
    let column = parts[0].split(separator: ",").last ?? ""
    guard !parts[1].contains("pid"), column != "pid" else {
      throw refusal("'\(text)': the column of process ids cannot be renamed, nor another be named like it")
    }
  }

  private static func refusal(_ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "ps_args: \(reason)")
  }

  /// What ps prints about these processes.
  static func run(_ words: [String], pids: [Int32]) throws -> String {
    let list = "-q" + pids.map(String.init).joined(separator: ",")
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(
        executable: "/bin/ps", arguments: ["ps", list] + words, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C"]),
      maxOutputBytes: maxOutputBytes, deadlineSeconds: deadlineSeconds)
    guard output.status.isSuccess else {
      let words = String(decoding: output.stderr.prefix(500), as: UTF8.self).split(separator: "\n").first ?? ""
      throw PlatformError(.invalidArgument, "ps: \(words)")
    }
    return String(decoding: output.stdout, as: UTF8.self)
  }

  /// The rows of these processes; their numbers stand in the one column `PID`.
  static func table(_ text: String, pids: Set<Int32>) throws -> ProcessTable {
    let lines = text.split(separator: "\n")
    let titles = lines.first.map { $0.split(separator: " ").map(String.init) } ?? []
    guard let column = titles.firstIndex(of: "PID") else {
      throw PlatformError(.invalidArgument, "Couldn't find PID field in ps output")
    }
    guard titles.lastIndex(of: "PID") == column else {
      throw PlatformError(.invalidArgument, "ps_args: more than one column is called PID")
    }
    let rows = lines.dropFirst().compactMap { line -> [String]? in
      // The last column may hold spaces.
      let fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
      guard fields.count > column, let pid = Int32(fields[column]), pids.contains(pid) else { return nil }
      return fields
    }
    return ProcessTable(titles: titles, rows: rows)
  }
}
