import ContentStore
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence

/// The name of a repository.
public struct RepositoryName: Sendable {}
