import Compose

/// Configs and secrets as an archive in memory (POSIX.1-1988 ustar).
struct SmallArchive {
  static let maximumFileBytes = 1 << 20
  private static let block = 512

  private var content: [UInt8] = []

  var isEmpty: Bool { content.isEmpty }

  mutating func add(_ use: ComposeFileUse, _ bytes: [UInt8]) throws(ClientError) {
    guard bytes.count <= Self.maximumFileBytes else {
      throw ClientError("'\(use.source)' has more than \(Self.maximumFileBytes) bytes")
    }
    let owner = try Self.number(use.uid, "uid", of: use)
    let group = try Self.number(use.gid, "gid", of: use)
    let name = Array(use.target.drop { $0 == "/" }.utf8)
    guard !name.isEmpty, name.count <= 100 else {
      throw ClientError("the target '\(use.target)' of '\(use.source)' is longer than 100 bytes")
    }
    var head = name + [UInt8](repeating: 0, count: 100 - name.count)
    for (value, width) in [
      (Int(use.mode ?? 0o444), 8), (owner, 8), (group, 8), (bytes.count, 12), (0, 12),
    ] {
      let digits = Array(String(value, radix: 8).utf8)
      head += [UInt8](repeating: 0x30, count: width - 1 - digits.count) + digits + [0]
    }
    head += [UInt8](repeating: 0x20, count: 8) + Array("0".utf8) + [UInt8](repeating: 0, count: 100)
    head += Array("ustar\u{0}00".utf8)
    head += [UInt8](repeating: 0, count: Self.block - head.count)
    let sum = Array(String(head.reduce(0) { $0 + Int($1) }, radix: 8).utf8)
    head.replaceSubrange(148..<156, with: [UInt8](repeating: 0x30, count: 6 - sum.count) + sum + [0, 0x20])
    content += head + bytes + [UInt8](repeating: 0, count: (Self.block - bytes.count % Self.block) % Self.block)
  }

  func bytes() -> [UInt8] { content + [UInt8](repeating: 0, count: 2 * Self.block) }

  private static func number(_ text: String?, _ field: String, of use: ComposeFileUse) throws(ClientError) -> Int {
    guard let text, !text.isEmpty else { return 0 }
    guard let value = Int(text), (0...65_535).contains(value) else {
      throw ClientError("the \(field) '\(text)' of '\(use.source)' is no number from 0 to 65535")
    }
    return value
  }
}
