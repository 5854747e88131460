/// The host's nftables rules as `nft --stateless list ruleset` prints them: as much as it takes to follow what the chains
/// at the hook `input` say. Pure. Source of the grammar: nft(8).
struct HostRuleset: Sendable, Equatable {
  /// Where the kernel calls a base chain.
  struct Hook: Sendable, Equatable {
    /// `filter`, `nat` or `route`.
    var type: String
    var hook: String
    /// `accept` or `drop`.
    var policy: String
  }

  struct Chain: Sendable, Equatable {
    var name: String
    var hook: Hook?
    var rules: [String] = []
  }

  /// A named set or map with its lines as they were printed.
  struct NamedSet: Sendable, Equatable {
    /// `set` or `map`.
    var kind: String
    var name: String
    var lines: [String]
  }

  struct Table: Sendable, Equatable {
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    var family: String
    var name: String
    /// The kernel calls none of its chains (`flags dormant`).
    var isDormant = false
    var chains: [Chain] = []
    var sets: [NamedSet] = []

    init(family: String = "inet", _ name: String) {
      self.family = family
      self.name = name
    }

    func chain(_ name: String) -> Chain? { chains.first { $0.name == name } }
    func set(_ name: String) -> NamedSet? { sets.first { $0.name == name } }
  }

  var tables: [Table] = []

  init(parsing text: String) {
    var table: Table?
    var block: (kind: String, name: String, lines: [String])?
    for line in text.split(separator: "\n") {
      let content = line.drop { $0 == "\t" || $0 == " " }
      if content.isEmpty || content.hasPrefix("#") { continue }
      let depth = line.count - content.count
      switch depth {
      case 0:
        let words = content.split(separator: " ")
        if words.first == "table", words.count >= 4 {
          table = Table(family: String(words[1]), String(words[2]))
        } else if content == "}", let whole = table {
          tables.append(whole)
          table = nil
        }
      case 1:
        let words = content.split(separator: " ")
        if content == "}", let whole = block {
          table.map { table = Self.adding(whole, to: $0) }
          block = nil
        } else if block == nil, words.first == "flags", words.contains(where: { $0.hasPrefix("dormant") }) {
          table?.isDormant = true
        } else if words.count >= 3, words.last == "{" {
          block = (words.dropLast(2).joined(separator: " "), String(words[words.count - 2]), [])
        }
      default:
        block?.lines.append(String(content))
      }
    }
  }

  private static func adding(_ block: (kind: String, name: String, lines: [String]), to table: Table) -> Table {
    var table = table
    switch block.kind {
    case "chain":
      var chain = Chain(name: block.name)
      for line in joined(block.lines) {
        if line.hasPrefix("type "), let hook = hook(line) {
          chain.hook = hook
        } else if !line.hasPrefix("comment ") {
          chain.rules.append(line)
        }
      }
      table.chains.append(chain)
    case "set", "map": table.sets.append(NamedSet(kind: block.kind, name: block.name, lines: block.lines))
    default: break
    }
    return table
  }

  /// Lines whose braces are not closed go on in the next.
  private static func joined(_ lines: [String]) -> [String] {
    var result: [String] = []
    var open = 0
    for line in lines {
      if open > 0, let last = result.popLast() { result.append(last + " " + line) } else { result.append(line) }
      for word in NFTWords.split(line) where !word.isQuoted {
        open += word.text.count { $0 == "{" } - word.text.count { $0 == "}" }
      }
    }
    return result
  }

  /// `type filter hook input priority filter; policy drop;`
  private static func hook(_ line: String) -> Hook? {
    let words = line.split { " ;".contains($0) }.map(String.init)
    func after(_ word: String) -> String? {
      words.firstIndex(of: word).flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil }
    }
    guard let type = after("type"), let hook = after("hook") else { return nil }
    return Hook(type: type, hook: hook, policy: after("policy") ?? "accept")
  }
}

/// Words of nft's language: those in quotes, and runs of characters that are neither spaces nor commas.
enum NFTWords {
  struct Word: Sendable, Equatable {
    /// With its quotes.
    var text: String
    var isQuoted: Bool
  }

  static func split(_ line: String) -> [Word] {
    var words: [Word] = []
    var current = ""
    var isQuoted = false
    func end() {
      if !current.isEmpty { words.append(Word(text: current, isQuoted: false)) }
      current = ""
    }
    for character in line {
      if isQuoted {
        current.append(character)
        if character == "\"" {
          words.append(Word(text: current, isQuoted: true))
          (current, isQuoted) = ("", false)
        }
      } else if character == "\"" {
        end()
        (current, isQuoted) = ("\"", true)
      } else if character == " " || character == "\t" {
        end()
      } else if character == "," {
        end()
        words.append(Word(text: ",", isQuoted: false))
      } else {
        current.append(character)
      }
    }
    end()
    return words
  }
}
