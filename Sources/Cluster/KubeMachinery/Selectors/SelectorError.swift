/// A selector in a query that cannot be understood: 400, in the words that a Kubernetes server answers.
public struct SelectorError: Error, Sendable, Equatable {
  public let message: String

  public init(_ message: String) {
    self.message = message
  }
}
