import Model

/// What happened to the registry's content; told after it is durable.
public enum RegistryEvent: Sendable, Equatable {
  /// A manifest was pushed, under a tag or by its digest alone. `isNew`: the repository did not have it.
  case pushed(RepositoryName, Digest, tag: String?, mediaType: String, isNew: Bool)
  case untagged(RepositoryName, tag: String)
  case deleted(RepositoryName, Digest)
}
