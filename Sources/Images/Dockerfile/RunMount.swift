import Model

/// One `--mount=` of `RUN`, its variables expanded.
public struct RunMount: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable { case bind, cache, tmpfs, secret, ssh }
  public enum Sharing: String, Sendable, Hashable, CaseIterable { case shared, `private`, locked }

  public internal(set) var kind = Kind.bind
  /// `bind` and `cache`: a stage or an image. Does not expand.
  public internal(set) var from: Word?
  public internal(set) var source: String?
  /// Relative to the working directory.
  public internal(set) var target: String?
  public internal(set) var isReadOnly = false
  /// `tmpfs`, bytes.
  public internal(set) var sizeBytes: Int64?
  /// `cache`, `secret`, `ssh`.
  public internal(set) var id: String?
  /// `cache`; nil means shared.
  public internal(set) var sharing: Sharing?
  /// `secret`, `ssh`: the build fails when it is not given.
  public internal(set) var isRequired = false
  /// `secret`: the variable to put it into; empty: named as the secret.
  public internal(set) var environmentName: String?
  public internal(set) var mode: UInt32?
  public internal(set) var uid: UInt32?
  public internal(set) var gid: UInt32?
  public let position: SourcePosition

  /// What is known without variables.
  static func check(_ word: Word) throws {
    guard word.text.utf8.contains(UInt8(ascii: "$")) else {
      _ = try RunMountReader(word, expansion: nil).read()
      return
    }
    for field in try RunMountReader(word, expansion: nil).fields() where field.key == "from" {
      guard field.value?.text.utf8.dropLast().contains(UInt8(ascii: "$")) != true else {
        throw PlatformError.syntax(
          word.position, "'from' doesn't support variable expansion, define alias stage instead")
      }
    }
  }
}

extension RunInstruction {
  /// - Throws: `invalidArgument` with the place of the fault.
  public func resolvedMounts(_ expansion: WordExpansion) throws -> [RunMount] {
    try mounts.map { try RunMountReader($0, expansion: expansion).read() }
  }
}

/// Reads `type=cache,target=/x,…`: a line of comma-separated values (RFC 4180).
struct RunMountReader {
  struct Field {
    var key: String
    var value: Word?
    var word: Word
  }

  private let word: Word
  private let expansion: WordExpansion?
  private var mount: RunMount
  private var readOnly: Bool?

  init(_ word: Word, expansion: WordExpansion?) {
    self.word = word
    self.expansion = expansion
    mount = RunMount(position: word.position)
  }

  func fields() throws -> [Field] {
    try commaSeparated().map { field in
      let key = field.text.unicodeScalars.prefix { $0 != "=" }
      let hasValue = key.count < field.text.unicodeScalars.count
      return Field(
        key: String(key).lowercased(), value: hasValue ? field.suffix(from: key.count + 1) : nil, word: field)
    }
  }

  /// A field in quotes loses its places but the first.
  private func commaSeparated() throws -> [Word] {
    let scalars = Array(word.text.unicodeScalars)
    var fields: [Word] = []
    var start = 0
    while start <= scalars.count {
      var end = start
      guard start < scalars.count, scalars[start] == "\"" else {
        while end < scalars.count, scalars[end] != "," { end += 1 }
        fields.append(word.suffix(from: start).prefix(end - start))
        start = end + 1
        continue
      }
      var text: [Unicode.Scalar] = []
      end += 1
      while true {
        guard end < scalars.count else {
          throw PlatformError.syntax(word.position(at: start), "the quote is not closed, expected another \"")
        }
        if scalars[end] == "\"" {
          guard end + 1 < scalars.count, scalars[end + 1] == "\"" else { break }
          end += 1
        }
        text.append(scalars[end])
        end += 1
      }
      guard end + 1 >= scalars.count || scalars[end + 1] == "," else {
        throw PlatformError.syntax(word.position(at: end + 1), "expected a comma behind the quote")
      }
      fields.append(Word(String(text), at: word.position(at: start)))
      start = end + 2
    }
    return fields
  }

  consuming func read() throws -> RunMount {
    for field in try fields() {
      guard let raw = field.value else {
        try setSwitch(field)
        continue
      }
      let value = try expansion?.expand(raw) ?? raw
      try set(field, value)
    }
    try finish()
    return mount
  }

  private mutating func setSwitch(_ field: Field) throws {
    switch field.key {
    case "readonly", "ro": readOnly = true
    case "readwrite", "rw": readOnly = false
    case "required":
      try only(field, .secret, .ssh)
      mount.isRequired = true
    default:
      throw PlatformError.syntax(
        field.word.position, "invalid field '\(field.word.text.prefix(60))' must be a key=value pair")
    }
  }

  private mutating func set(_ field: Field, _ value: Word) throws {
    switch field.key {
    case "type": mount.kind = try choice(field, value.replacing(value.text.lowercased()), "mount type")
    case "from": mount.from = value
    case "source", "src": mount.source = value.text
    case "target", "dst", "destination": mount.target = value.text
    case "readonly", "ro": readOnly = try bool(field, value)
    case "readwrite", "rw": readOnly = try !bool(field, value)
    case "required":
      try only(field, .secret, .ssh)
      mount.isRequired = try bool(field, value)
    case "size":
      try only(field, .tmpfs)
      guard let size = RAMSize.bytes(value.text) else { throw invalid(field, value, "a size like 64m") }
      mount.sizeBytes = size
    case "id": mount.id = value.text
    case "sharing": mount.sharing = try choice(field, value.replacing(value.text.lowercased()), "sharing value")
    case "mode": mount.mode = try number(field, value, radix: 8)
    case "uid": mount.uid = try number(field, value, radix: 10)
    case "gid": mount.gid = try number(field, value, radix: 10)
    case "env": mount.environmentName = value.text
    default:
      throw PlatformError.syntax(
        field.word.position,
        """
        unexpected key '\(field.key.prefix(60))' in '\(field.word.text.prefix(60))', expected type, from, source, target, \
        readonly, readwrite, required, size, id, sharing, mode, uid, gid or env
        """)
    }
  }

  private func only(_ field: Field, _ kinds: RunMount.Kind...) throws {
    guard kinds.contains(mount.kind) else {
      throw PlatformError.syntax(
        field.word.position, "unexpected key '\(field.key)' for mount type '\(mount.kind.rawValue)'")
    }
  }

  private func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ field: Field, _ value: Word, _ what: String
  ) throws -> Choice {
    guard let choice = Choice(rawValue: value.text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw PlatformError.syntax(
        value.position, "unsupported \(what) '\(value.text.prefix(60))', expected one of \(known)")
    }
    return choice
  }

  private func bool(_ field: Field, _ value: Word) throws -> Bool {
    switch value.text {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: throw invalid(field, value, "true or false")
    }
  }

  private func number(_ field: Field, _ value: Word, radix: Int) throws -> UInt32 {
    guard value.text.utf8.first != 0x2B, let number = UInt32(value.text, radix: radix) else {
      throw invalid(field, value, radix == 8 ? "an octal number" : "a number")
    }
    return number
  }

  private func invalid(_ field: Field, _ value: Word, _ expected: String) -> PlatformError {
    .syntax(value.position, "invalid value for \(field.key): '\(value.text.prefix(60))', expected \(expected)")
  }

  private mutating func finish() throws {
    let kind = mount.kind
    func refuse(_ isWrong: Bool, _ message: String) throws {
      if isWrong { throw PlatformError.syntax(word.position, message) }
    }
    if kind == .bind || kind == .tmpfs {
      try refuse(mount.mode != nil, "mode not allowed for '\(kind.rawValue)' type mounts")
      try refuse(mount.uid != nil, "uid not allowed for '\(kind.rawValue)' type mounts")
      try refuse(mount.gid != nil, "gid not allowed for '\(kind.rawValue)' type mounts")
    }
    mount.isReadOnly = readOnly ?? (kind != .cache && kind != .tmpfs)
    if kind == .secret {
      try refuse(mount.from != nil, "secret mount should not have a from")
      try refuse(
        mount.source == nil && mount.target == nil && mount.id == nil,
        "invalid secret mount. one of source, target required")
      try refuse(mount.source != nil && mount.id != nil, "both source and id can't be set")
    }
    try refuse(mount.sharing != nil && kind != .cache, "invalid cache sharing set for \(kind.rawValue) mount")
    try refuse(
      mount.target == nil && kind != .secret && kind != .ssh,
      "a \(kind.rawValue) mount needs a target, expected target=…")
  }
}

/// Sizes as docker takes them: `64m`, `1.5GiB`, `100`.
enum RAMSize {
  static func bytes(_ text: String) -> Int64? {
    let digits = text.prefix { $0 == "." || ("0"..."9").contains($0) }
    guard let number = Double(digits), digits.first != ".", digits.last != "." else { return nil }
    var unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
    if unit.hasSuffix("ib") { unit.removeLast(2) } else if unit.hasSuffix("b") { unit.removeLast() }
    guard let power = ["", "k", "m", "g", "t", "p"].firstIndex(of: unit) else { return nil }
    let size = (0..<power).reduce(number) { size, _ in size * 1024 }
    return size < 9e18 ? Int64(size) : nil
  }
}
