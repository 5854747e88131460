import KubeMachinery

extension Field {
  static let kind = Field("kind", .string(), "Name of the kind.")
  static let apiVersion = Field("apiVersion", .string(), "Group and version of the kind.")
}
