import Model

extension PolicyCheck {
  /// Checks whether an image's registry and repository may be pulled from and pushed to.
  public func checkRegistry(_ reference: ImageReference) throws {
    try checkRegistry("\(reference.domain)/\(reference.path)", isAllowed: { Self.matches($0, reference) })
  }

  /// Checks whether a registry may be spoken to at all: some repository of it is allowed.
  public func checkRegistry(host: String) throws {
    try checkRegistry(host) { pattern in
      PathPattern.matches(String(pattern.prefix { $0 != "/" }), host, separator: nil)
    }
  }

  private func checkRegistry(_ name: String, isAllowed: (String) -> Bool) throws {
    guard policy.registries.allowed.contains(where: isAllowed) else {
      throw refusal(
        "the registry '\(name.prefix(300))' may not be used", rule: "registries.allowed",
        remedy: "add it to 'registries.allowed'")
    }
  }

  private static func matches(_ pattern: String, _ reference: ImageReference) -> Bool {
    let isWhole = pattern.contains("/") || pattern == "*"
    return isWhole
      ? PathPattern.matches(pattern, "\(reference.domain)/\(reference.path)", separator: nil)
      : PathPattern.matches(pattern, reference.domain, separator: nil)
  }
}
