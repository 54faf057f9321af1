"""ResNet-18 over folders of images: Ray Data into Ray Train, then batch inference."""
