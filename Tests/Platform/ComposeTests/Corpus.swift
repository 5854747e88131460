import Compose
import Glibc
import Testing

/// One case of the corpus: files, what is asked, what comes.
///
/// Cases stand in `Cases/*.cases`: `=== title`, then sections `--- name`. A section that is none of `request`, `expect`, `fault` and
/// `warnings` is a file below /project. `request` has lines `key: words`.
struct CorpusCase: Sendable, CustomTestStringConvertible {
  static let folder = "/project"

  var title: String
  var sections: [(name: String, text: String)] = []

  var testDescription: String { title }

  func section(_ name: String) -> String? { sections.first { $0.name == name }?.text }

  var files: MemoryFiles {
    var files = MemoryFiles()
    for section in sections where !["request", "expect", "fault", "warnings"].contains(section.name) {
      files.files[path(section.name)] = section.text
    }
    files.escaping = Set(words("escaping").map(path))
    return files
  }

  private func path(_ name: String) -> String {
    name.hasPrefix("../") ? "/" + name.dropFirst(3) : "\(Self.folder)/\(name)"
  }

  /// The words behind a key of the request; none where it is not there.
  func words(_ key: String) -> [String] { value(key)?.split(separator: " ").map(String.init) ?? [] }

  func value(_ key: String) -> String? {
    for line in (section("request") ?? "").split(separator: "\n") where line.hasPrefix(key + ":") {
      return String(line.dropFirst(key.count + 1).drop { $0 == " " })
    }
    return nil
  }

  var request: ComposeRequest {
    var request = ComposeRequest(files: value("files") == nil ? ["compose.yaml"] : words("files"))
    request.currentDirectory = words("directory").first.map { "\(Self.folder)/\($0)" } ?? Self.folder
    request.profiles = words("profiles")
    request.services = words("services")
    request.projectName = words("name").first
    request.allowsOutside = value("allow-outside") == "true"
    request.environmentFiles = value("env-file") == nil ? nil : words("env-file")
    for word in words("environment") {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      request.environment[parts[0]] = parts[1]
    }
    return request
  }
}

enum Corpus {
  static let all = files.flatMap(cases)

  private static let files = ["attacks", "build", "files", "keys", "network", "project", "variables", "yaml"]

  private static func cases(_ name: String) -> [CorpusCase] {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    guard let file = fopen("/\(folder)/Cases/\(name).cases", "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    var cases: [CorpusCase] = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("=== ") {
        cases.append(CorpusCase(title: String(line.dropFirst(4))))
      } else if line.hasPrefix("--- "), !cases.isEmpty {
        cases[cases.count - 1].sections.append((String(line.dropFirst(4)), ""))
      } else if !cases.isEmpty, !cases[cases.count - 1].sections.isEmpty {
        let last = cases[cases.count - 1].sections.count - 1
        cases[cases.count - 1].sections[last].text += line + "\n"
      }
    }
    // The empty line before the next title belongs to no section.
    for index in cases.indices {
      for section in cases[index].sections.indices {
        while cases[index].sections[section].text.hasSuffix("\n\n") { cases[index].sections[section].text.removeLast() }
        if cases[index].sections[section].text == "\n" { cases[index].sections[section].text = "" }
      }
    }
    return cases
  }
}
