import KubeMachinery

/// Documents that every kind has.
public enum CommonSchemas {
  static let labels: Schema = .map(.string())
}
