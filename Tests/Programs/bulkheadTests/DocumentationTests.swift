import FoundationEssentials
import Testing

@testable import bulkhead

/// The commands that the pages show are commands that there are, with options that there are.
@Suite struct DocumentationTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
    .standardizedFileURL.path

  /// A line of a page that calls this program: as words, without `sudo`, comment, pipe and redirection.
  struct Call: CustomTestStringConvertible {
    let page: String
    let words: [String]
    var testDescription: String { "\(page): \(words.joined(separator: " "))" }
  }

  private static func calls() throws -> [Call] {
    var pages = ["README.md"]
    pages += try FileManager.default.contentsOfDirectory(atPath: root + "/docs").filter { $0.hasSuffix(".md") }
      .map { "docs/" + $0 }
    return try pages.sorted().flatMap { page in
      let text = try String(contentsOfFile: "\(root)/\(page)", encoding: .utf8).replacing("\\\n", with: "")
      return text.split(separator: "\n").filter { $0.hasPrefix("    ") }.flatMap { line in
        commands(String(line)).map { Call(page: page, words: $0) }
      }
    }
  }

  /// The calls of this program in a line of shell: a small part of its grammar, enough for what pages show.
  static func commands(_ line: String) -> [[String]] {
    var commands: [[String]] = [[]]
    var word: String?
    var quote: Character?
    func end() {
      if let word { commands[commands.count - 1].append(word) }
      word = nil
    }
    scan: for letter in line {
      switch letter {
      case let letter where letter == quote: quote = nil
      case let letter where quote != nil: word = (word ?? "") + String(letter)
      case "'", "\"":
        quote = letter
        word = word ?? ""
      case "#" where word == nil: break scan
      case " ": end()
      case "|", ";", "&", "<", ">":
        end()
        commands.append([])
      default: word = (word ?? "") + String(letter)
      }
    }
    end()
    return commands.compactMap { words in
      let called = words.first == "sudo" ? Array(words.dropFirst()) : words
      return called.first == "bulkhead" ? Array(called.dropFirst()) : nil
    }
  }

  @Test func `every command in the pages is understood`() throws {
    let calls = try Self.calls()
    #expect(calls.count > 60)
    for call in calls {
      let words = try ComposeArguments.moved(call.words)
      if let unknown = UnknownCommand.find(in: words) {
        Issue.record("\(call.testDescription): \(unknown.message)")
        continue
      }
      #expect(throws: Never.self, "\(call.testDescription)") { _ = try CommandLineTests.parse(words) }
    }
  }

  @Test(
    arguments: [
      ("    sudo bulkhead ps -a | head   # all", [["ps", "-a"]]), ("    docker ps", []),
      ("    a; bulkhead run -d x sh -c 'a | b' > f", [["run", "-d", "x", "sh", "-c", "a | b"]]),
      ("    bulkhead x ''", [["x", ""]]),
    ])
  func `calls are found in shell`(line: String, calls: [[String]]) {
    #expect(Self.commands(line) == calls)
  }
}
