import FoundationEssentials

extension RuntimeSpec {
  /// The bytes of `config.json`; keys sorted, so that equal specs give equal bytes.
  public func json() throws -> [UInt8] { try runtimeJSON(self) }
}

extension ProcessSpec {
  /// The bytes for `exec --process FILE`.
  public func json() throws -> [UInt8] { try runtimeJSON(self) }
}

extension RuntimeSpec.Linux.Resources {
  /// The bytes for `update --resources FILE`.
  public func json() throws -> [UInt8] { try runtimeJSON(self) }
}

private func runtimeJSON(_ value: some Encodable) throws -> [UInt8] {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  return Array(try encoder.encode(value))
}
