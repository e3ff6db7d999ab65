"""The transforms that rules may use, by name, so that a rule can be checked without importing albumentations.

Each takes and returns one uint8 RGB image, copies mask values without mixing them, and draws only from the generators
it is given. Transforms of albumentations that need a second image, change the type, or use a random generator of their
own (AdditiveNoise) are left out.
"""

GEOMETRIC = frozenset({
    "Affine", "BoxSafeZoom", "CoarseDropout", "D4", "ElasticTransform", "Erasing", "GridDistortion", "GridDropout",
    "HorizontalFlip", "OpticalDistortion", "Perspective", "PiecewiseAffine", "RandomRotate90", "Rotate", "SafeRotate",
    "ThinPlateSpline", "Transpose", "VerticalFlip",
})  # fmt: skip

PIXEL = frozenset({
    "AdvancedBlur", "AutoContrast", "Blur", "CLAHE", "ChannelDropout", "ChannelShuffle", "ChromaticAberration",
    "ColorJitter", "Defocus", "Downscale", "Emboss", "Equalize", "FancyPCA", "GaussNoise", "GaussianBlur", "GlassBlur",
    "HueSaturationValue", "ISONoise", "Illumination", "ImageCompression", "InvertImg", "MedianBlur", "MotionBlur",
    "MultiplicativeNoise", "PlanckianJitter", "PlasmaBrightnessContrast", "PlasmaShadow", "Posterize", "RGBShift",
    "RandomBrightnessContrast", "RandomFog", "RandomGamma", "RandomGravel", "RandomRain", "RandomShadow", "RandomSnow",
    "RandomSunFlare", "RandomToneCurve", "RingingOvershoot", "SaltAndPepper", "Sharpen", "ShotNoise", "Solarize",
    "Spatter", "Superpixels", "ToGray", "ToSepia", "UnsharpMask", "ZoomBlur",
})  # fmt: skip

TRANSFORMS = GEOMETRIC | PIXEL
